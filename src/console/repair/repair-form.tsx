import { Button, Group, Select, Stack, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useNavigate } from 'react-router'
import { FaultNote } from '../app/states.js'
import { openedAt } from '../execution/transitions.js'
import { type ExecutionHeadFragment, PlaybookGraphDocument, RerunDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { plural } from '../lib/format.js'
import { MASK } from '../lib/mask.js'
import { parseDraft } from '../lib/parse-draft.js'
import { useRead } from '../lib/use-read.js'
import type { StepRow } from '../live/read-step.js'
import { ChangedVariable } from './changed-variable.js'
import { ChooseVariable } from './choose-variable.js'
import { useRepair } from './use-repair.js'
import { useVariablesAt } from './use-variables-at.js'

interface RepairFormProps {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
}

const UNDEFINED = /\bvars\.([A-Za-z_]\w*) is undefined/

/** From which step, with which variables changed: a draft that shows how it differs, and is kept until it is started. */
export function RepairForm({ head, steps }: RepairFormProps) {
  const navigate = useNavigate()
  const [fault, setFault] = useState<Fault | null>(null)
  const [isStarting, setStarting] = useState(false)
  const { from, texts, goFrom, write, leave, drop } = useRepair(head.id, head.error?.step ?? null)
  const revision = useOpenedAt(head, steps, from)
  const { rows, isLoaded, fault: unread } = useVariablesAt(head.id, revision)
  const names = Object.keys(texts)
  const isWrong = names.some((name) => 'problem' in parseDraft(texts[name] ?? ''))
  const missing = UNDEFINED.exec(head.error?.message ?? '')?.[1]

  const submit = async () => {
    setStarting(true)
    const variables = Object.entries(texts).flatMap(([name, text]) => {
      const parsed = parseDraft(text)
      const isSensitive = rows.some((row) => row.name === name && row.isSensitive)
      // A mask that was not replaced stands for what is there.
      if ('problem' in parsed || (isSensitive && parsed.value === MASK)) return []
      return [{ name, value: parsed.value, ...(isSensitive && { sensitive: true }) }]
    })
    const { data, error } = await client.mutation(RerunDocument, { id: head.id, fromStep: from, variables }).toPromise()
    setStarting(false)
    setFault(describeError(error))
    if (!data) return
    drop()
    await navigate(`/executions/${data.rerunExecution.id}`)
  }

  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        This execution stays as it is. The new one has the same playbook version and workload
        {from === null ? ', and begins again.' : `, and goes on from ${from} with variables and results as they were before it.`}
      </Text>
      <Group align="flex-end" gap="sm" grow>
        <Select
          label="From step"
          placeholder="From the start"
          clearable
          searchable
          data={[...new Set(steps.map(({ step }) => step))]}
          value={from}
          onChange={goFrom}
        />
        <ChooseVariable rows={rows} taken={names} onChoose={(name) => write(name, texts[name] ?? '')} />
      </Group>
      {missing !== undefined && texts[missing] === undefined && isLoaded && !rows.some(({ name }) => name === missing) && (
        <Button variant="light" size="compact-sm" style={{ alignSelf: 'flex-start' }} onClick={() => write(missing, '')}>
          Give vars.{missing} a value
        </Button>
      )}
      {unread && <FaultNote fault={unread} title="The variables of that moment cannot be read" />}
      {isLoaded &&
        names.map((name) => (
          <ChangedVariable
            key={`${name} ${revision}`}
            id={head.id}
            name={name}
            asOf={revision ?? 0}
            isThere={rows.some((row) => row.name === name)}
            text={texts[name] ?? ''}
            onText={(text) => write(name, text)}
            onLeave={() => leave(name)}
          />
        ))}
      {fault && <FaultNote fault={fault} title="It was not started; the draft is kept" />}
      <Group justify="space-between">
        <Text size="sm" c="dimmed" role="status">
          {names.length === 0 ? 'No variable is changed.' : `${plural(names.length, 'variable')} changed, kept in this tab.`}
        </Text>
        <Button loading={isStarting} disabled={isWrong} onClick={() => void submit()}>
          {from === null ? 'Rerun from the start' : `Rerun from ${from}`}
        </Button>
      </Group>
    </Stack>
  )
}

/** The revision before the last visit of the step; null until the playbook is known. */
function useOpenedAt({ playbook }: ExecutionHeadFragment, steps: readonly StepRow[], from: string | null): number | null {
  const { data } = useRead(PlaybookGraphDocument, playbook && { path: playbook.path, version: playbook.version })
  return useMemo(() => {
    if (from === null) return 0
    return data?.playbook ? openedAt(from, data.playbook.steps, steps) : null
  }, [from, data, steps])
}
