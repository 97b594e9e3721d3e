import { words } from '../lib/format.js'
import { countsText, type IterationCounts, toneOf } from '../lib/iterations.js'
import classes from './status-badge.module.css'

const SIGNS: Readonly<Record<string, string>> = {
  PENDING: '○',
  RUNNING: '●',
  WAITING: '◷',
  PAUSED: '‖',
  COMPLETED: '✓',
  SUCCEEDED: '✓',
  FAILED: '✕',
  CANCELLED: '⊘',
  SKIPPED: '–',
}

interface StatusBadgeProps {
  readonly status: string
  /** Of the iterations in it: where some failed, it does not look like a success. */
  readonly counts?: IterationCounts | null
}

/** A state as a sign, a word and a colour, so that none of the three is needed alone. */
export function StatusBadge({ status, counts = null }: StatusBadgeProps) {
  const tone = toneOf(status, counts)
  return (
    <span
      className={classes['badge']}
      data-status={status}
      data-tone={tone ?? undefined}
      title={counts === null ? undefined : `Iterations: ${countsText(counts)}`}
    >
      <span className={classes['sign']} aria-hidden="true">
        {tone === null ? (SIGNS[status] ?? '·') : '!'}
      </span>
      {words(status)}
    </span>
  )
}

/** How many iterations of how many went well. */
export function Counts({ status, counts }: StatusBadgeProps) {
  if (!counts) return null
  return (
    <span className={classes['counts']} data-tone={toneOf(status, counts) ?? undefined}>
      {countsText(counts)}
    </span>
  )
}
