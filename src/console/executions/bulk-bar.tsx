import { Button, Group, Text } from '@mantine/core'
import { IconPlayerStopFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'
import { useMutation } from 'urql'
import { FaultNote } from '../app/states.js'
import { CancelDocument, type ExecutionRowFragment } from '../generated/graphql.js'
import { describeError, type Fault } from '../lib/faults.js'
import { plural } from '../lib/format.js'
import { compareUrl } from '../lib/urls.js'
import { isEnded } from '../live/execution-feed.js'
import { ConfirmButton } from '../ui/confirm-button.js'

interface BulkBarProps {
  readonly rows: readonly ExecutionRowFragment[]
  readonly chosen: ReadonlySet<string>
  readonly onChoose: (chosen: ReadonlySet<string>) => void
}

/** What can be done to all chosen executions at once. What failed stays chosen. */
export function BulkBar({ rows, chosen, onChoose }: BulkBarProps) {
  const [, cancel] = useMutation(CancelDocument)
  const [isBusy, setBusy] = useState(false)
  const [refused, setRefused] = useState<{ readonly count: number; readonly fault: Fault } | null>(null)
  const alive = rows.filter(({ id, status }) => chosen.has(id) && !isEnded(status))
  const [first, second, third] = chosen

  const cancelAll = async () => {
    setBusy(true)
    const failed = new Set<string>()
    let last: Fault | null = null
    for (const { id } of alive) {
      const fault = describeError((await cancel({ id, reason: 'cancelled in the console' })).error)
      if (fault === null) continue
      failed.add(id)
      last = fault
    }
    setBusy(false)
    setRefused(last && { count: failed.size, fault: last })
    onChoose(failed)
  }

  return (
    <Group gap="sm" className="panel" p="xs" px="md" role="region" aria-label="Chosen executions">
      <Text size="sm" fw={600}>
        {plural(chosen.size, 'execution')} chosen
      </Text>
      <ConfirmButton
        size="compact-sm"
        color="red"
        variant="light"
        loading={isBusy}
        disabled={alive.length === 0}
        leftSection={<IconPlayerStopFilled size={13} />}
        question={`Cancel ${plural(alive.length, 'execution')}?`}
        consequence={<Consequence rows={alive} />}
        action={`Cancel ${plural(alive.length, 'execution')}`}
        leave="Let them run"
        onConfirm={() => void cancelAll()}
      >
        Cancel {alive.length} running
      </ConfirmButton>
      {second !== undefined && third === undefined && (
        <Button component={Link} to={compareUrl(first ?? '', second)} size="compact-sm" variant="default">
          Compare the two
        </Button>
      )}
      <Button size="compact-sm" variant="default" onClick={() => onChoose(new Set())}>
        Choose none
      </Button>
      {refused && <FaultNote fault={refused.fault} title={`${plural(refused.count, 'execution')} could not be cancelled`} />}
    </Group>
  )
}

const MAX_NAMED = 8

function Consequence({ rows }: { rows: readonly ExecutionRowFragment[] }) {
  return (
    <>
      Their steps are stopped, and those of the executions that they started. What they have written stays; they can be rerun, not
      resumed.
      <ul>
        {rows.slice(0, MAX_NAMED).map(({ id, playbook }) => (
          <li key={id}>
            {playbook?.path ?? 'no playbook'} <code>{id}</code>
          </li>
        ))}
        {rows.length > MAX_NAMED && <li>{plural(rows.length - MAX_NAMED, 'more execution')}</li>}
      </ul>
    </>
  )
}
