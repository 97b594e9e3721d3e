import { Button, Group, Text } from '@mantine/core'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { isJsonNumber, numberText, stringifyJson } from '../../core/json.js'
import { FaultNote, Loading } from '../app/states.js'
import { HistoryDocument, type HistoryQuery, SetVariableDocument } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { plural } from '../lib/format.js'
import { pretty } from '../ui/pretty.js'
import { Time } from '../ui/ticking.js'
import classes from './history.module.css'
import { Sparkline } from './sparkline.js'

const DiffView = lazy(() => import('../ui/diff-view.js').then((module) => ({ default: module.DiffView })))

type Change = HistoryQuery['variableHistory']['nodes'][number]

interface HistoryProps {
  readonly id: string
  readonly name: string
  /** Of the variable now: when it moves, there is more history. */
  readonly version: number
  readonly isWritable: boolean
}

/** Every change: who, when, what it was before; numbers as a curve. */
export function History({ id, name, version, isWritable }: HistoryProps) {
  const [{ data, error }, ask] = useQuery({ query: HistoryDocument, variables: { id, name } })
  const [seen, setSeen] = useState(version)
  useEffect(() => {
    if (seen === version) return
    setSeen(version)
    ask()
  }, [seen, version, ask])
  const fault = describeError(error)
  if (fault) return <FaultNote fault={fault} />
  if (!data) return <Loading what="the history" />
  const { nodes, totalCount } = data.variableHistory
  const numbers = nodes.flatMap(({ value, revision }) =>
    isJsonNumber(value) ? [[revision, Number(numberText(value))] as const] : [],
  )
  return (
    <div>
      {numbers.length > 1 && <Sparkline points={numbers} label={`${name} over revisions`} />}
      <Text size="xs" c="dimmed" mb={4}>
        {plural(totalCount, 'change')}
        {totalCount > nodes.length && `, the first ${nodes.length} shown`}
      </Text>
      <ol className={classes['changes']} reversed>
        {nodes.toReversed().map((change) => (
          <Entry key={change.revision} id={id} change={change} current={version} isWritable={isWritable} />
        ))}
      </ol>
    </div>
  )
}

interface EntryProps {
  readonly id: string
  readonly change: Change
  readonly current: number
  readonly isWritable: boolean
}

function Entry({ id, change, current, isWritable }: EntryProps) {
  const [isOpen, setOpen] = useState(false)
  const [{ error }, save] = useMutation(SetVariableDocument)
  const fault = describeError(error)
  const { revision, operation, value, previousValue, actor, changedAt, version, type, sourceStep, name } = change
  const isLatest = version === current
  return (
    <li>
      <button type="button" className={classes['change']} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span className={classes['revision']}>r{revision}</span>
        <span className={classes['value']}>{operation === 'DELETE' ? 'deleted' : stringifyJson(value)}</span>
        <span className={classes['who']}>
          {actor} · <Time iso={changedAt} />
        </span>
      </button>
      {isOpen && (
        <div className={classes['diff']}>
          <Suspense fallback={<Loading what="the difference" />}>
            <DiffView
              language="json"
              label={`What revision ${revision} changed`}
              before={version === 1 ? '' : pretty(previousValue)}
              after={operation === 'DELETE' ? '' : pretty(value)}
            />
          </Suspense>
          {isWritable && !isLatest && operation !== 'DELETE' && (
            <Group mt={6}>
              <Button
                size="compact-xs"
                variant="default"
                onClick={() => void save({ input: { executionId: id, name, value, type, sourceStep } })}
              >
                Make it this again
              </Button>
            </Group>
          )}
          {fault && <FaultNote fault={fault} />}
        </div>
      )}
    </li>
  )
}
