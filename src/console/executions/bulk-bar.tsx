import { Button, Group, Text } from '@mantine/core'
import { IconPlayerStopFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'
import { useMutation } from 'urql'
import { CancelDocument, type ExecutionRowFragment } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { plural } from '../lib/format.js'
import { comparePlace } from '../lib/places.js'
import { isEnded } from '../live/execution-feed.js'

interface BulkBarProps {
  readonly rows: readonly ExecutionRowFragment[]
  readonly chosen: ReadonlySet<string>
  readonly onChoose: (chosen: ReadonlySet<string>) => void
}

/** What can be done to all chosen executions at once. What failed stays chosen. */
export function BulkBar({ rows, chosen, onChoose }: BulkBarProps) {
  const [, cancel] = useMutation(CancelDocument)
  const [isBusy, setBusy] = useState(false)
  const [note, setNote] = useState('')
  const alive = rows.filter(({ id, status }) => chosen.has(id) && !isEnded(status))
  const [first, second, third] = chosen

  const cancelAll = async () => {
    setBusy(true)
    const failed = new Set<string>()
    let reason = ''
    for (const { id } of alive) {
      const fault = describeError((await cancel({ id, reason: 'cancelled in the console' })).error)
      if (fault === null) continue
      failed.add(id)
      reason = fault.message
    }
    setBusy(false)
    setNote(failed.size === 0 ? '' : `${plural(failed.size, 'execution')} could not be cancelled: ${reason}`)
    onChoose(failed)
  }

  return (
    <Group gap="sm" className="panel" p="xs" px="md" role="region" aria-label="Chosen executions">
      <Text size="sm" fw={600}>
        {plural(chosen.size, 'execution')} chosen
      </Text>
      <Button
        size="compact-sm"
        color="red"
        variant="light"
        loading={isBusy}
        disabled={alive.length === 0}
        leftSection={<IconPlayerStopFilled size={13} />}
        onClick={() => void cancelAll()}
      >
        Cancel {alive.length} running
      </Button>
      {second !== undefined && third === undefined && (
        <Button component={Link} to={comparePlace(first ?? '', second)} size="compact-sm" variant="default">
          Compare the two
        </Button>
      )}
      <Button size="compact-sm" variant="default" onClick={() => onChoose(new Set())}>
        Choose none
      </Button>
      <Text size="sm" c="var(--failed)" role="alert">
        {note}
      </Text>
    </Group>
  )
}
