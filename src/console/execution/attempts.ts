import type { StepRow } from '../live/read-step.js'

/** One try at a step, in time. */
export interface Attempt {
  readonly number: number
  readonly from: number
  readonly to: number
  readonly status: string
}

/** The attempts of a visit; what still runs ends at `until`. A worker that was lost ends where the next one began. */
export function attemptsOf(run: StepRow, until: number): Attempt[] {
  const attempts: Attempt[] = []
  let open: { number: number; from: number } | null = null
  const close = (to: number, status: string) => {
    if (open !== null) attempts.push({ ...open, to, status })
    open = null
  }
  for (const { name, attempt, occurredAt } of run.events.nodes) {
    const at = Date.parse(occurredAt)
    if (name === 'step.started') {
      close(at, 'LOST')
      open = { number: attempt ?? 1, from: at }
    } else if (name === 'step.retried') close(at, 'FAILED')
  }
  close(run.finishedAt === null ? until : Date.parse(run.finishedAt), run.status)
  return attempts
}
