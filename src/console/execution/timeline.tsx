import { VisuallyHidden } from '@mantine/core'
import { useEffect, useMemo } from 'react'
import { useQuery } from 'urql'
import { RetriesDocument } from '../generated/graphql.js'
import { formatDuration, plural, words } from '../lib/format.js'
import type { StepRow } from '../live/execution-feed.js'
import { useNow } from '../ui/ticking.js'
import classes from './timeline.module.css'

interface TimelineProps {
  readonly id: string
  readonly began: string
  readonly runs: readonly StepRow[]
  readonly chosen: string
  readonly onChoose: (step: string) => void
}

const TICKS = [0, 0.25, 0.5, 0.75, 1]

/** When each visit of each step began and ended, with the ends of attempts that failed. */
export function Timeline({ id, began, runs, chosen, onChoose }: TimelineProps) {
  const isMoving = runs.some(({ status }) => status === 'RUNNING' || status === 'PENDING')
  const now = useNow(isMoving, 500)
  const retries = useRetries(id, runs)
  const start = Date.parse(began)
  const end = Math.max(start + 1, isMoving ? now : 0, ...runs.map(({ finishedAt }) => Date.parse(finishedAt ?? began)))
  const share = (time: number) => `${Math.max(0, Math.min(100, (100 * (time - start)) / (end - start)))}%`
  return (
    <section className={classes['timeline']} aria-label="Timeline of steps">
      <div className={classes['scale']} aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick} style={{ left: `${tick * 100}%` }}>
            {formatDuration((end - start) * tick)}
          </span>
        ))}
      </div>
      <ol className={classes['rows']}>
        {runs.map((run) => {
          const from = Date.parse(run.startedAt ?? run.finishedAt ?? new Date(end).toISOString())
          const to = run.finishedAt === null ? end : Date.parse(run.finishedAt)
          return (
            <li key={run.id}>
              <button
                type="button"
                className={classes['row']}
                data-chosen={run.step === chosen || undefined}
                aria-pressed={run.step === chosen}
                onClick={() => onChoose(run.step === chosen ? '' : run.step)}
              >
                <span className={classes['label']}>
                  {run.step}
                  {run.visit > 1 && <small> ·{run.visit}</small>}
                </span>
                <VisuallyHidden>
                  visit {run.visit}, {words(run.status)}
                  {run.attempts > 1 && `, ${plural(run.attempts, 'attempt')}`}
                </VisuallyHidden>
                <span className={classes['track']}>
                  <span
                    className={classes['bar']}
                    data-status={run.status}
                    style={{ left: share(from), width: `calc(max(3px, ${share(start + to - from)}))` }}
                  />
                  {(retries.get(run.id) ?? []).map((time) => (
                    <span key={time} className={classes['retry']} title="an attempt failed here" style={{ left: share(time) }} />
                  ))}
                </span>
                <span className={classes['took']}>{formatDuration(to - from)}</span>
              </button>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

/** By step run: when attempts ended that were followed by another. Asked for only where there are any. */
function useRetries(id: string, runs: readonly StepRow[]): ReadonlyMap<string, readonly number[]> {
  const attempts = runs.reduce((sum, run) => sum + Math.max(0, run.attempts - 1), 0)
  const [{ data }, ask] = useQuery({ query: RetriesDocument, variables: { id }, pause: true })
  useEffect(() => {
    if (attempts > 0) ask()
  }, [attempts, ask])
  return useMemo(() => {
    const found = new Map<string, number[]>()
    for (const { name, run, occurredAt } of data?.execution?.events.nodes ?? []) {
      if (name !== 'step.retried') continue
      const key = `${id}-${run}`
      found.set(key, [...(found.get(key) ?? []), Date.parse(occurredAt)])
    }
    return found
  }, [data, id])
}
