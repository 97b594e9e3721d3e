import { isJsonObject, type JsonValue } from '../../core/json.js'
import type { PlaybookGraphQuery } from '../generated/graphql.js'
import type { StepEvent, StepRow } from '../live/read-step.js'

export type PlaybookGraph = NonNullable<PlaybookGraphQuery['playbook']>
export type GraphStep = PlaybookGraph['steps'][number]
export type Arrow = GraphStep['transitions'][number]

/** An arrow that was looked at, and what came of it. */
export interface Looked {
  readonly arrow: Arrow
  readonly isTaken: boolean
  /** null: it has no condition, or none that was asked for. Else true, false, or why it could not be evaluated. */
  readonly outcome: boolean | string | null
  /** `case` asks under the names that the event goes by. */
  readonly event: string | null
}

interface Trace {
  readonly at: string
  readonly event: string | null
  readonly outcome: boolean | string
}

/** What a visit's end recorded of its conditions. */
function tracesOf({ data }: StepEvent): Trace[] {
  const routes: JsonValue | undefined = isJsonObject(data) ? data['routes'] : undefined
  if (!Array.isArray(routes)) return []
  return routes.filter(isJsonObject).map(({ at, event, outcome }) => ({
    at: String(at),
    event: typeof event === 'string' ? event : null,
    outcome: typeof outcome === 'string' ? outcome : outcome === true,
  }))
}

/** The event that ended a visit; undefined while it runs, and where it was withdrawn. */
export function endOf(events: readonly StepEvent[]): StepEvent | undefined {
  return events.findLast(({ name }) => name === 'step.completed' || name === 'step.failed')
}

/**
 * Every arrow of a step with what its visit's end made of it, as the server routes: the first `case` that holds, else all of
 * `next` that hold together with the plain ones, else its `else`; of a failed step only what has a condition.
 */
export function lookedAt({ transitions }: GraphStep, end: StepEvent): Looked[] {
  const traces = tracesOf(end)
  const isFailed = end.name === 'step.failed'
  const traceOf = ({ at }: Arrow) =>
    traces.findLast((trace) => trace.at === at && trace.outcome === true) ?? traces.findLast((trace) => trace.at === at)
  const holds = (arrow: Arrow) => traceOf(arrow)?.outcome === true
  const isCase = transitions.some((arrow) => arrow.isCase && holds(arrow))
  const isMatched = transitions.some((arrow) => !arrow.isCase && arrow.when !== null && holds(arrow))
  const isTaken = (arrow: Arrow): boolean => {
    if (arrow.isCase !== isCase) return false
    if (isCase || arrow.when !== null) return holds(arrow)
    return !isFailed && (!arrow.isElse || !isMatched)
  }
  return transitions.map((arrow) => {
    const trace = traceOf(arrow)
    return { arrow, isTaken: isTaken(arrow), outcome: trace?.outcome ?? null, event: trace?.event ?? null }
  })
}

interface TakenTransition {
  readonly from: string
  readonly to: string
  readonly revision: number
}

/** Every arrow that was taken, in the order of revisions. */
export function takenTransitions(steps: readonly GraphStep[], runs: readonly StepRow[]): TakenTransition[] {
  const known = new Map(steps.map((step) => [step.name, step]))
  return runs
    .flatMap(({ step: name, events }) => {
      const [step, end] = [known.get(name), endOf(events.nodes)]
      if (!step || !end) return []
      const taken = lookedAt(step, end).filter(({ isTaken }) => isTaken)
      return taken.map(({ arrow }) => ({ from: name, to: arrow.to, revision: end.revision }))
    })
    .sort((a, b) => a.revision - b.revision)
}

/** The revision at which a step's latest visit was opened: what stood before it. 0 where no arrow led there: it was the first. */
export function openedAt(step: string, steps: readonly GraphStep[], runs: readonly StepRow[]): number {
  const visits = runs.filter((run) => run.step === step).length
  const into = takenTransitions(steps, runs).filter(({ to }) => to === step)
  // The visit that no arrow led to is the first one of the execution.
  return into[visits - 1 - Math.max(0, visits - into.length)]?.revision ?? 0
}
