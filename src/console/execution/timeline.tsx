import { VisuallyHidden } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef } from 'react'
import { Empty, Loading } from '../app/states.js'
import { formatDuration, plural, words } from '../lib/format.js'
import { countsText, toneOf } from '../lib/iterations.js'
import type { StepRow } from '../live/read-step.js'
import { Counts } from '../ui/status-badge.js'
import { useNow } from '../ui/ticking.js'
import { attemptsOf } from './attempts.js'
import classes from './timeline.module.css'

interface TimelineProps {
  readonly began: string
  /** Where it ends, if it has; else it moves. */
  readonly until: string | null
  readonly runs: readonly StepRow[]
  /** Whether these are all. */
  readonly areRunsRead: boolean
  readonly chosen: string
  readonly onChoose: (step: string) => void
}

const TICKS = [0, 0.25, 0.5, 0.75, 1]
const ROW_HEIGHT = 28

/** When each visit of each step began and ended, attempt by attempt. */
export function Timeline({ began, until, runs, areRunsRead, chosen, onChoose }: TimelineProps) {
  const now = useNow(until === null, 500)
  const scroller = useRef<HTMLElement>(null)
  const start = Date.parse(began)
  const last = useMemo(
    () => Math.max(start, ...runs.map(({ finishedAt }) => Date.parse(finishedAt ?? began))),
    [runs, began, start],
  )
  const end = Math.max(start + 1, last, until === null ? now : Date.parse(until))
  const virtual = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  })
  if (runs.length === 0) return areRunsRead ? <Empty title="No step has begun" /> : <Loading what="the steps" />
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section className={classes['timeline']} ref={scroller} aria-label="Timeline of steps" tabIndex={0}>
      <div className={classes['scale']} aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick} style={{ left: `${tick * 100}%` }}>
            {formatDuration((end - start) * tick)}
          </span>
        ))}
      </div>
      <ol className={classes['rows']} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start: top }) => {
          const run = runs[index]
          if (!run) return null
          return (
            <li key={run.id} style={{ transform: `translateY(${top}px)` }} aria-setsize={runs.length} aria-posinset={index + 1}>
              <Row run={run} start={start} end={end} isChosen={run.step === chosen} onChoose={onChoose} />
            </li>
          )
        })}
      </ol>
    </section>
  )
}

interface RowProps {
  readonly run: StepRow
  readonly start: number
  readonly end: number
  readonly isChosen: boolean
  readonly onChoose: (step: string) => void
}

function Row({ run, start, end, isChosen, onChoose }: RowProps) {
  const share = (time: number) => Math.max(0, Math.min(100, (100 * (time - start)) / (end - start)))
  const attempts = attemptsOf(run, end)
  const from = Date.parse(run.startedAt ?? run.finishedAt ?? new Date(end).toISOString())
  const to = run.finishedAt === null ? end : Date.parse(run.finishedAt)
  return (
    <button
      type="button"
      className={classes['row']}
      data-chosen={isChosen || undefined}
      aria-pressed={isChosen}
      onClick={() => onChoose(isChosen ? '' : run.step)}
    >
      <span
        className={classes['label']}
        title={run.iterationCounts === null ? run.step : `${run.step}: ${countsText(run.iterationCounts)}`}
      >
        {run.step}
        {run.visit > 1 && <small> ·{run.visit}</small>}
        {run.iterationCounts !== null && run.iterationCounts.failed > 0 && (
          <small>
            {' '}
            <Counts status={run.status} counts={run.iterationCounts} />
          </small>
        )}
      </span>
      <VisuallyHidden>
        visit {run.visit}, {words(run.status)}
        {run.attempts > 1 && `, ${plural(run.attempts, 'attempt')}`}
        {run.iterationCounts !== null && `, iterations: ${countsText(run.iterationCounts)}`}
      </VisuallyHidden>
      <span className={classes['track']}>
        {attempts.map((attempt) => (
          <span
            key={`${attempt.number} ${attempt.from}`}
            className={classes['bar']}
            data-attempt={attempt.number}
            data-status={attempt.status}
            data-tone={toneOf(attempt.status, run.iterationCounts) ?? undefined}
            title={`attempt ${attempt.number}: ${words(attempt.status)}, ${formatDuration(attempt.to - attempt.from)}`}
            style={{ left: `${share(attempt.from)}%`, width: `max(3px, ${share(start + attempt.to - attempt.from)}%)` }}
          />
        ))}
      </span>
      <span className={classes['took']}>{formatDuration(to - from)}</span>
    </button>
  )
}
