import { Anchor, Button, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { useMutation, useQuery } from 'urql'
import { FaultNote, Loading } from '../app/states.js'
import { PlaybookInputsDocument, PlaybooksDocument, StartDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { fieldsOf, problemOf, workloadOf } from './workload.js'
import { WorkloadForm } from './workload-form.js'

interface StartDialogProps {
  readonly isOpen: boolean
  readonly onClose: () => void
  /** Already chosen. */
  readonly path?: string
}

/** Starts an execution: which playbook, and a form made from its workload. */
export function StartDialog({ isOpen, onClose, path }: StartDialogProps) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Start an execution" size="lg">
      <StartForm given={path ?? null} />
    </Modal>
  )
}

function StartForm({ given }: { given: string | null }) {
  const [path, setPath] = useState(given)
  const [{ data, error, fetching }] = useQuery({ query: PlaybooksDocument, variables: {} })
  const fault = describeError(error)
  if (fault) return <FaultNote fault={fault} />
  if (fetching || !data) return <Loading what="playbooks" />
  if (data.playbooks.nodes.length === 0)
    return (
      <Text size="sm">
        No playbook is registered yet.{' '}
        <Anchor component={Link} to="/playbooks" size="sm" underline="always">
          Register one
        </Anchor>
        , then start it here.
      </Text>
    )
  return (
    <Stack>
      <Select
        label="Playbook"
        placeholder="Type a part of its path"
        searchable
        data={data.playbooks.nodes.map((playbook) => playbook.path)}
        value={path}
        onChange={setPath}
        data-autofocus
      />
      {path !== null && <Inputs key={path} path={path} />}
    </Stack>
  )
}

function Inputs({ path }: { path: string }) {
  const navigate = useNavigate()
  const [{ data, error, fetching }] = useQuery({ query: PlaybookInputsDocument, variables: { path } })
  const [{ error: refused, fetching: isStarting }, start] = useMutation(StartDocument)
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const fault = describeError(error)
  const refusal = describeError(refused)
  const playbook = data?.playbook
  if (fault) return <FaultNote fault={fault} />
  if (fetching || !playbook) return <Loading what="its workload" />
  const fields = fieldsOf(playbook.workload)
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
        <WorkloadForm fields={fields} texts={texts} onChange={(name, text) => setTexts({ ...texts, [name]: text })} />
        {refusal && <FaultNote fault={refusal} title="It was not started" />}
        <Group justify="flex-end">
          <Text size="xs" c="dimmed">
            version {playbook.version}
          </Text>
          <Button type="submit" loading={isStarting} disabled={isWrong}>
            Start
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
