import type { ExecutionHeadFragment, StepStatus } from '../generated/graphql.js'
import type { StepRow } from '../live/read-step.js'
import type { VariableRow } from '../live/variable-table.js'

const ENDS: Readonly<Record<string, StepStatus>> = {
  'step.waiting': 'WAITING',
  'step.completed': 'SUCCEEDED',
  'step.failed': 'FAILED',
}

function isOpen(status: StepStatus): boolean {
  return status === 'RUNNING' || status === 'WAITING'
}

/** A visit as it stood when the revision was the newest; null when it had not begun. */
function runAt(run: StepRow, revision: number): StepRow | null {
  const known = run.events.nodes.filter((event) => event.revision <= revision)
  const [first] = known
  const last = known.at(-1)
  if (!first || !last) return null
  const status = ENDS[last.name] ?? 'RUNNING'
  return {
    ...run,
    status,
    attempts: Math.max(1, ...known.map(({ attempt }) => attempt ?? 1)),
    error: status === 'FAILED' ? run.error : null,
    // How far they were then, its variables say.
    iterationCounts: isOpen(status) ? null : run.iterationCounts,
    finishedAt: isOpen(status) ? null : last.occurredAt,
    events: { nodes: known },
  }
}

/** The visits that had begun by then, as they stood; those of the newest revision are as they are. */
export function stepsAt(runs: readonly StepRow[], revision: number, newest: number): readonly StepRow[] {
  if (revision >= newest) return runs
  return runs.flatMap((run) => runAt(run, revision) ?? [])
}

/** When the last thing happened that the revision covers: a step's event, or a change of a variable. */
export function timeAt(head: ExecutionHeadFragment, steps: readonly StepRow[], rows: readonly VariableRow[]): string {
  let last = head.createdAt
  const see = (iso: string) => {
    if (Date.parse(iso) > Date.parse(last)) last = iso
  }
  for (const { events } of steps) for (const { occurredAt } of events.nodes) see(occurredAt)
  for (const { updatedAt } of rows) see(updatedAt)
  return last
}

interface Then {
  readonly revision: number
  /** As they stood. */
  readonly steps: readonly StepRow[]
  readonly rows: readonly VariableRow[]
}

/** The execution as it stood: it ran, unless the revision is its last one. */
export function headAt(head: ExecutionHeadFragment, { revision, steps, rows }: Then): ExecutionHeadFragment {
  if (revision >= head.revision) return head
  const running = steps.filter(({ status }) => isOpen(status)).map(({ step }) => step)
  return {
    ...head,
    status: 'RUNNING',
    error: null,
    currentSteps: [...new Set(running)],
    stepCount: steps.length,
    variableCount: rows.length,
    revision,
    finishedAt: timeAt(head, steps, rows),
  }
}
