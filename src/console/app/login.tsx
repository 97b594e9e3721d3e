import { ActionIcon, Button, Modal, PasswordInput, Popover, Stack, Text, Tooltip } from '@mantine/core'
import { IconUser } from '@tabler/icons-react'
import { type FormEvent, useState } from 'react'
import { formatFullTime, plural, words } from '../lib/format.js'
import { useStore } from '../lib/store.js'
import { type Caller, useMe } from './me.js'
import { demandLogin, logIn, logOut, session, withdrawDemand } from './session.js'

/** Asks for a key where the server wants one; says who one is where one is given. */
export function Login() {
  const { key, demand } = useStore(session)
  return (
    <>
      <Account />
      <Modal opened={demand !== null} onClose={withdrawDemand} title="Log in">
        {demand !== null && <KeyForm reason={key === null ? demand : `The key was refused: ${demand}`} />}
      </Modal>
    </>
  )
}

function KeyForm({ reason }: { reason: string }) {
  const [text, setText] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() !== '') logIn(text.trim())
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm" role="status">
          {reason}
        </Text>
        <PasswordInput
          label="Key or JWT"
          description="Kept for this tab only, and sent to this server alone."
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autoComplete="off"
          data-autofocus
          required
        />
        <Button type="submit">Log in</Button>
      </Stack>
    </form>
  )
}

/** Who one is and what one may do, also where no key is wanted. */
function Account() {
  const me = useMe()
  const { key } = useStore(session)
  const [isOpen, setOpen] = useState(false)

  return (
    <Popover withArrow shadow="md" width={300} position="bottom-end" onChange={setOpen}>
      <Popover.Target>
        <Tooltip label="Who you are" disabled={isOpen}>
          <ActionIcon variant="light" size="lg" radius="xl" aria-label="Who you are">
            <IconUser size={18} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          {me === null ? <Text size="sm">The server has not said who you are.</Text> : <Who me={me} />}
          {key === null ? (
            <Button size="compact-sm" variant="default" onClick={() => demandLogin('Act with a key from now on, in this tab.')}>
              Use a key
            </Button>
          ) : (
            <Button size="compact-sm" variant="default" onClick={logOut}>
              Log out
            </Button>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

function Who({ me }: { me: Caller }) {
  return (
    <>
      <div>
        <Text fw={650}>{me.name}</Text>
        <Text size="sm" c="dimmed">
          {words(me.role)}; changes are logged as <code>{me.actor}</code>
        </Text>
      </div>
      <Text size="sm">You may: {me.rights.map(words).join(', ') || 'nothing'}.</Text>
      {me.executionIds !== null && (
        <Text size="sm">
          Only {plural(me.executionIds.length, 'execution')}: {me.executionIds.join(', ')}.
        </Text>
      )}
      {me.expiresAt !== null && <Text size="sm">Until {formatFullTime(me.expiresAt)}.</Text>}
    </>
  )
}
