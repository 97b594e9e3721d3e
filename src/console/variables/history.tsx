import { Button, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { isJsonNumber, numberText } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import { formatCount, plural } from '../lib/format.js'
import classes from './history.module.css'
import { HistoryEntry } from './history-entry.js'
import { Sparkline } from './sparkline.js'
import { useHistory } from './use-history.js'

interface HistoryProps {
  readonly id: string
  readonly name: string
  /** Of the variable now: when it moves, there is more history. */
  readonly version: number
  /** The revision of the past that one looks at. */
  readonly asOf: number | null
  /** Why nothing can be put back; null when it can. */
  readonly locked: string | null
}

/** Every change: who, when, what it was before; numbers as a curve. */
export function History({ id, name, version, asOf, locked }: HistoryProps) {
  const [view, older] = useHistory(id, name, version)
  const [isReading, setReading] = useState(false)
  const numbers = useMemo(
    () =>
      (view?.changes ?? [])
        .flatMap(({ value, revision }) => (isJsonNumber(value) ? [[revision, Number(numberText(value))] as const] : []))
        .reverse(),
    [view],
  )
  if (view === null) return <Loading what="the history" />
  const { changes, total, after, fault } = view
  const more = async () => {
    setReading(true)
    await older()
    setReading(false)
  }
  return (
    <div>
      {fault && <FaultNote fault={fault} />}
      {numbers.length > 1 && <Sparkline points={numbers} label={`${name} over revisions`} />}
      <Text size="xs" c="dimmed" mb={4} role="status">
        {plural(total, 'change')}
        {total > changes.length && `, the newest ${formatCount(changes.length)} are here`}
      </Text>
      <ol className={classes['changes']} reversed>
        {changes.map((change) => (
          <HistoryEntry
            key={change.revision}
            id={id}
            change={change}
            current={version}
            isShown={asOf !== null && change === changes.find(({ revision }) => revision <= asOf)}
            locked={locked}
          />
        ))}
      </ol>
      {after !== null && (
        <Button size="compact-sm" variant="default" mt="xs" loading={isReading} onClick={() => void more()}>
          Show older changes
        </Button>
      )}
    </div>
  )
}
