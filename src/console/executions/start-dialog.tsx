import { Anchor, Button, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { useMutation } from 'urql'
import { FaultNote, Loading } from '../app/states.js'
import { PlaybookInputsDocument, StartDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { useRead } from '../lib/use-read.js'
import { usePlaybooks } from '../playbooks/use-playbooks.js'
import { fieldsOf, problemOf, refusedFields, workloadOf } from './workload.js'
import { WorkloadForm } from './workload-form.js'

interface Choice {
  readonly path: string
  /** The one that was looked at; without it the latest is started. */
  readonly version?: number | undefined
}

interface StartDialogProps {
  readonly isOpen: boolean
  readonly onClose: () => void
  /** Already chosen. */
  readonly given?: Choice
}

/** Starts an execution: which playbook, and a form made from its workload. */
export function StartDialog({ isOpen, onClose, given }: StartDialogProps) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Start an execution" size="lg">
      <StartForm given={given ?? null} />
    </Modal>
  )
}

function StartForm({ given }: { given: Choice | null }) {
  const [choice, setChoice] = useState(given)
  const { rows, isLoaded, fault } = usePlaybooks()
  if (fault) return <FaultNote fault={fault} />
  if (!isLoaded) return <Loading what="playbooks" />
  if (rows.length === 0)
    return (
      <Text size="sm">
        No playbook is registered yet.{' '}
        <Anchor component={Link} to="/playbooks" size="sm" underline="always">
          Register one
        </Anchor>
        , then start it here.
      </Text>
    )
  const latest = rows.find(({ path }) => path === choice?.path)?.version
  return (
    <Stack>
      <Select
        label="Playbook"
        placeholder="Type a part of its path"
        searchable
        data={rows.map(({ path }) => path)}
        value={choice?.path ?? null}
        onChange={(path) => setChoice(path === null ? null : { path })}
        data-autofocus
      />
      {choice !== null && <Inputs key={`${choice.path} ${choice.version}`} {...choice} latest={latest} />}
    </Stack>
  )
}

function Inputs({ path, version, latest }: Choice & { readonly latest: number | undefined }) {
  const navigate = useNavigate()
  const { data, fault } = useRead(PlaybookInputsDocument, { path, ...(version !== undefined && { version }) })
  const [{ error: refused, fetching: isStarting }, start] = useMutation(StartDocument)
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const refusal = describeError(refused)
  const playbook = data?.playbook
  if (fault) return <FaultNote fault={fault} />
  if (!playbook) return <Loading what="its workload" />
  const fields = fieldsOf(playbook.workload, playbook.workloadSchema)
  const misfits = refusedFields(refusal?.details['problems'])
  const isWrong = fields.some((field) => problemOf(field, texts[field.name] ?? field.text) !== null)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (isWrong) return
    const input = { path, version: playbook.version, workload: workloadOf(fields, texts) }
    const { data: started } = await start({ input })
    if (started) await navigate(`/executions/${started.startExecution.id}`)
  }

  return (
    <form onSubmit={(event) => void submit(event)} aria-label={`Workload of ${path}`}>
      <Stack>
        {playbook.description && (
          <Text size="sm" c="dimmed">
            {playbook.description}
          </Text>
        )}
        <WorkloadForm
          fields={fields}
          texts={texts}
          refused={misfits}
          onChange={(name, text) => setTexts({ ...texts, [name]: text })}
        />
        {refusal && <FaultNote fault={refusal} title="It was not started" />}
        <Group justify="flex-end">
          <Text size="xs" c="dimmed">
            version {playbook.version}
            {latest !== undefined && latest > playbook.version && `; the latest is ${latest}`}
          </Text>
          <Button type="submit" loading={isStarting} disabled={isWrong}>
            Start
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
