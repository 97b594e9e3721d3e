import type { PlaybookGraphQuery, StepStatus } from '../../generated/graphql.js'
import type { StepRow } from '../../live/execution-feed.js'

export type GraphStep = NonNullable<PlaybookGraphQuery['playbook']>['steps'][number]

/** How a step stands, over all its visits. */
export interface StepState {
  readonly status: StepStatus
  readonly visits: number
  readonly attempts: number
}

/** The state of each step that was reached: of its latest visit, unless an earlier one still runs. */
export function statesOf(runs: readonly StepRow[]): Map<string, StepState> {
  const states = new Map<string, StepState>()
  for (const { step, status, attempts } of runs) {
    const before = states.get(step)
    const isRunning = before?.status === 'RUNNING' || status === 'RUNNING'
    states.set(step, { status: isRunning ? 'RUNNING' : status, visits: (before?.visits ?? 0) + 1, attempts })
  }
  return states
}

/** How often each arrow `from>to` was taken: a visit came from the predecessor that had ended last before it. */
export function takenArrows(steps: readonly GraphStep[], runs: readonly StepRow[]): Map<string, number> {
  const predecessors = new Map<string, Set<string>>()
  for (const { name, transitions } of steps)
    for (const { to } of transitions) predecessors.set(to, (predecessors.get(to) ?? new Set()).add(name))
  const ended = new Map<string, number>()
  const taken = new Map<string, number>()
  const pending = runs
    .filter(({ finishedAt }) => finishedAt !== null)
    .map((run) => [Date.parse(run.finishedAt ?? ''), run.step] as const)
  pending.sort(([a], [b]) => a - b)
  let next = 0
  for (const run of runs) {
    const began = run.startedAt === null ? Number.POSITIVE_INFINITY : Date.parse(run.startedAt)
    for (let entry = pending[next]; entry && entry[0] <= began; entry = pending[++next]) ended.set(entry[1], next)
    const from = [...(predecessors.get(run.step) ?? [])]
      .filter((name) => ended.has(name))
      .sort((a, b) => (ended.get(b) ?? 0) - (ended.get(a) ?? 0))[0]
    if (from !== undefined) taken.set(`${from}>${run.step}`, (taken.get(`${from}>${run.step}`) ?? 0) + 1)
  }
  return taken
}
