import type { StepStatus } from '../../generated/graphql.js'
import type { IterationCounts } from '../../lib/iterations.js'
import type { StepRow } from '../../live/read-step.js'
import { type GraphStep, takenTransitions } from '../transitions.js'

/** How a step stands, over all its visits. */
export interface StepState {
  readonly status: StepStatus
  readonly visits: number
  readonly attempts: number
  /** Of its iterations. */
  readonly counts: IterationCounts | null
}

/** The state of each step that was reached: of its latest visit, unless an earlier one still runs. */
export function statesOf(runs: readonly StepRow[]): Map<string, StepState> {
  const states = new Map<string, StepState>()
  for (const { step, status, attempts, iterationCounts } of runs) {
    const before = states.get(step)
    const isRunning = before?.status === 'RUNNING' || status === 'RUNNING'
    const visits = (before?.visits ?? 0) + 1
    states.set(step, { status: isRunning ? 'RUNNING' : status, visits, attempts, counts: iterationCounts })
  }
  return states
}

/** How often each arrow `from>to` was taken, by what the visits' ends recorded. */
export function takenArrows(steps: readonly GraphStep[], runs: readonly StepRow[]): Map<string, number> {
  const taken = new Map<string, number>()
  for (const { from, to } of takenTransitions(steps, runs)) taken.set(`${from}>${to}`, (taken.get(`${from}>${to}`) ?? 0) + 1)
  return taken
}
