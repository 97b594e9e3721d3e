import { Button, CloseButton, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconRotate } from '@tabler/icons-react'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useMutation } from 'urql'
import { parseJson } from '../../core/json.js'
import { FaultNote } from '../app/states.js'
import { type ExecutionHeadFragment, RerunDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import type { StepRow } from '../live/execution-feed.js'
import type { VariableRow } from '../live/variable-table.js'
import classes from './rerun-dialog.module.css'

interface RerunProps {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
  readonly variables: readonly VariableRow[]
}

interface Draft {
  readonly name: string
  readonly text: string
}

function problemOf({ text }: Draft): string | null {
  try {
    parseJson(text)
    return null
  } catch {
    return 'JSON; a text needs quotes'
  }
}

/** Repairs an execution: a new one goes on from a step, with variables as they were before it, but for what is changed here. */
export function Rerun(props: RerunProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button size="xs" variant="default" leftSection={<IconRotate size={14} />} onClick={() => setOpen(true)}>
        Rerun
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title="Rerun as a new execution" size="lg" keepMounted>
        <Form {...props} />
      </Modal>
    </>
  )
}

function Form({ head, steps, variables }: RerunProps) {
  const navigate = useNavigate()
  const [{ error, fetching }, rerun] = useMutation(RerunDocument)
  const [from, setFrom] = useState<string | null>(head.error?.step ?? null)
  const [drafts, setDrafts] = useState<readonly Draft[]>([])
  const fault = describeError(error)
  const known = new Map(variables.map((row) => [row.name, row]))
  const isWrong = drafts.some((draft) => problemOf(draft) !== null)
  const change = (name: string, text: string) => setDrafts(drafts.map((draft) => (draft.name === name ? { name, text } : draft)))

  const submit = async () => {
    const changes = drafts.map(({ name, text }) => ({ name, value: parseJson(text) }))
    const { data } = await rerun({ id: head.id, fromStep: from, variables: from === null ? null : changes })
    if (data) await navigate(`/executions/${data.rerunExecution.id}`)
  }

  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        This execution stays as it is. The new one has the same playbook and workload.
      </Text>
      <Select
        label="From step"
        description="Without one: from the start, with no variables"
        clearable
        data={[...new Set(steps.map(({ step }) => step))]}
        value={from}
        onChange={setFrom}
      />
      {from !== null && (
        <>
          <Select
            label="Change a variable"
            placeholder="Its name"
            searchable
            data={variables.map(({ name }) => name).filter((name) => drafts.every((draft) => draft.name !== name))}
            value={null}
            onChange={(name) => name !== null && setDrafts([...drafts, { name, text: known.get(name)?.preview ?? 'null' }])}
          />
          {drafts.map((draft) => (
            <div key={draft.name} className={classes['draft']}>
              <TextInput
                flex={1}
                label={draft.name}
                description={`at the end: ${known.get(draft.name)?.preview ?? 'missing'}`}
                classNames={{ input: 'mono' }}
                value={draft.text}
                error={problemOf(draft)}
                onChange={(event) => change(draft.name, event.currentTarget.value)}
              />
              <CloseButton
                aria-label={`Leave ${draft.name} as it was`}
                onClick={() => setDrafts(drafts.filter(({ name }) => name !== draft.name))}
              />
            </div>
          ))}
        </>
      )}
      {fault && <FaultNote fault={fault} title="It was not started; the draft is kept" />}
      <Group justify="flex-end">
        <Button loading={fetching} disabled={isWrong} onClick={() => void submit()}>
          {from === null ? 'Rerun from the start' : `Rerun from ${from}`}
        </Button>
      </Group>
    </Stack>
  )
}
