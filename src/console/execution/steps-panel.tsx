import type { ExecutionHeadFragment } from '../generated/graphql.js'
import type { StepRow } from '../live/execution-feed.js'
import type { VariableRow } from '../live/variable-table.js'
import { StatusBadge } from '../ui/status-badge.js'
import { Duration } from '../ui/ticking.js'

interface StepsPanelProps {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
  readonly variables: readonly VariableRow[]
}

/** The steps of an execution. */
export function StepsPanel({ steps }: StepsPanelProps) {
  return (
    <section className="panel" aria-label="Steps">
      <ol>
        {steps.map((step) => (
          <li key={step.id}>
            {step.step} <StatusBadge status={step.status} /> <Duration from={step.startedAt} to={step.finishedAt} />
          </li>
        ))}
      </ol>
    </section>
  )
}
