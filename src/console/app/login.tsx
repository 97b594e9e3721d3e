import { ActionIcon, Button, Modal, PasswordInput, Popover, Stack, Text, Tooltip } from '@mantine/core'
import { IconUser } from '@tabler/icons-react'
import { type FormEvent, useState } from 'react'
import { useStore } from '../lib/store.js'
import { logIn, logOut, session } from './session.js'

/** Asks for a key where the server wants one; says who one is where one is given. */
export function Login() {
  const { key, demand } = useStore(session)
  return (
    <>
      {key !== null && <Account />}
      <Modal opened={demand !== null} onClose={() => undefined} title="Log in" withCloseButton={false}>
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

function Account() {
  return (
    <Popover withArrow shadow="md">
      <Popover.Target>
        <Tooltip label="Who you are">
          <ActionIcon variant="light" size="lg" radius="xl" aria-label="Who you are">
            <IconUser size={18} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Text size="sm">You are logged in with a key, for this tab only.</Text>
          <Button size="compact-sm" variant="default" onClick={logOut}>
            Log out
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
