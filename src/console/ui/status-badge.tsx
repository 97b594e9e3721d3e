import { words } from '../lib/format.js'
import classes from './status-badge.module.css'

const SIGNS: Readonly<Record<string, string>> = {
  PENDING: '○',
  RUNNING: '●',
  COMPLETED: '✓',
  SUCCEEDED: '✓',
  FAILED: '✕',
  CANCELLED: '⊘',
  SKIPPED: '–',
}

/** A state as a sign, a word and a colour, so that none of the three is needed alone. */
export function StatusBadge({ status }: { status: string }) {
  return (
    <span className={classes['badge']} data-status={status}>
      <span className={classes['sign']} aria-hidden="true">
        {SIGNS[status] ?? '·'}
      </span>
      {words(status)}
    </span>
  )
}
