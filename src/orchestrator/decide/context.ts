import type { Computing } from '../../commit/computed.js'
import { commandsOf, stepValue } from '../../commit/run.js'
import type { JsonObject, JsonValue } from '../../core/json.js'
import type { ExecutionRecord } from '../../executions/record.js'
import type { Playbook } from '../../playbook/model.js'
import type { Sensitive } from '../../sealing/sensitive.js'
import { type ContextLayers, type ContextValue, type SensitiveNames, StepValue } from '../../template/index.js'
import type { Outcome, OutcomeError, Snapshot } from './types.js'

/** The envelope `this` (playbooks.md, "The context of a template"). */
export interface Envelope {
  readonly status: 'success' | 'error'
  readonly data: JsonValue
  readonly error: JsonObject | null
  readonly attempt: number
  readonly started_at: string | null
  readonly finished_at: string
  readonly [extra: string]: JsonValue
}

/** The attempt that an outcome belongs to; joining an iterator is no attempt of its own. */
export function attemptOf({ run, task }: Pick<Snapshot, 'run' | 'task'>): number {
  return task.kind === 'join' ? run.attempts : task.attempt
}

export function envelopeOf(outcome: Outcome, snapshot: Pick<Snapshot, 'run' | 'task'>, now: Date): Envelope {
  return {
    ...outcome.extras,
    status: outcome.status,
    data: outcome.data,
    error: outcome.status === 'error' ? errorValue(outcome.error) : null,
    attempt: attemptOf(snapshot),
    started_at: snapshot.run.startedAt?.toISOString() ?? now.toISOString(),
    finished_at: now.toISOString(),
  }
}

/** An error as templates see it. */
export function errorValue({ details, code, message }: OutcomeError): JsonObject {
  return { ...details, code, message }
}

/** The envelope without its data, as it is stored beside the result. */
export function withoutData(envelope: JsonObject): JsonObject {
  const { data: _data, ...rest } = envelope
  return rest
}

/** `job` in templates. */
export function jobOf(execution: Pick<ExecutionRecord, 'id' | 'playbookPath' | 'playbookVersion' | 'createdAt'>): JsonObject {
  return {
    uuid: execution.id,
    execution_id: execution.id,
    path: execution.playbookPath,
    version: execution.playbookVersion,
    started_at: execution.createdAt.toISOString(),
  }
}

/** What computed variables are computed from beside variables; null where the playbook has none. */
export function computingOf(
  { computed }: Pick<Playbook, 'computed'>,
  given: Pick<Computing, 'workload' | 'sensitive'>,
  execution: Parameters<typeof jobOf>[0],
): Computing | null {
  if (computed.length === 0) return null
  const { workload, sensitive } = given
  return { variables: computed, workload, sensitive, job: jobOf(execution) }
}

interface MoreLayers {
  readonly vars?: JsonObject
  /** What of the execution is sensitive, with these variables. */
  readonly sensitive?: Sensitive | null
  readonly locals?: Readonly<Record<string, ContextValue>>
  /** How the attempt ended: `this`, `result`, and the step by its own name. */
  readonly envelope?: Envelope
  /** Whether that is sensitive. */
  readonly isSensitive?: boolean
}

/** The layers of a template's context; `locals` are those of the moment (`this`, `result`, `event`, ...). */
export function layersOf(snapshot: Snapshot, more: MoreLayers = {}): ContextLayers {
  const { execution, run } = snapshot
  const sensitive = sensitiveNames(snapshot, more)
  return {
    ...(sensitive ? { sensitive } : {}),
    locals: {
      ...snapshot.parent?.locals,
      ...run.locals,
      ...toolLocals(run),
      ...iterationLocals(snapshot),
      ...(more.envelope ? outcomeLocals(more.envelope) : {}),
      ...more.locals,
    },
    vars: { ...(more.vars ?? snapshot.vars), ...iterationVars(snapshot) },
    steps:
      more.envelope && run.iteration === null ? { ...snapshot.steps, ...ownResult(snapshot, more.envelope) } : snapshot.steps,
    workload: snapshot.workload,
    ...(snapshot.globals ? { globals: snapshot.globals.values } : {}),
    builtins: {
      ...run.args,
      execution_id: execution.id,
      job: jobOf(execution),
      env: snapshot.env,
      payload: snapshot.payload,
      ...endingOf(execution),
    },
    ...(snapshot.evaluationLimits ? { evaluationLimits: snapshot.evaluationLimits } : {}),
  }
}

/** What `finally` runs after. */
function endingOf({ ending }: Pick<ExecutionRecord, 'ending'>): { readonly ending?: JsonObject } {
  return ending === null ? {} : { ending: { status: ending.status, error: ending.error && { ...ending.error } } }
}

function sensitiveNames(snapshot: Snapshot, more: MoreLayers): SensitiveNames | null {
  const { run, parent, step } = snapshot
  const known = more.sensitive === undefined ? (snapshot.sensitive ?? null) : more.sensitive
  const isItem = run.iteration !== null && parent?.isSensitive === true
  const isOutcome = more.envelope !== undefined && more.isSensitive === true
  if (known === null && !isItem && !isOutcome && !run.isSensitive) return null
  const element = step.loop?.element ?? ''
  return {
    locals: new Set([
      ...(parent?.isSensitive ? Object.keys(parent.locals ?? {}) : []),
      ...(run.isSensitive ? Object.keys({ ...run.locals, ...toolLocals(run) }) : []),
      ...(isItem ? [element, 'loop'] : []),
      ...(isOutcome ? OUTCOME_NAMES : []),
    ]),
    vars: new Set([...(known?.vars ?? []), ...(isItem ? [`${step.name}_item`, `${step.name}_index`] : [])]),
    steps: new Set([...(known?.steps ?? []), ...(isOutcome && run.iteration === null ? [step.name] : [])]),
    workload: known?.workload ?? new Set(),
    builtins: new Set(run.isSensitive ? Object.keys(run.args) : []),
    globals: known?.globals ?? new Set(),
  }
}

/** Once it has ended, a step is readable by its own name, also in its own `vars` and routing. */
function ownResult({ step }: Snapshot, envelope: Envelope): Record<string, StepValue> {
  return { [step.name]: stepValue(envelope.data, envelope) }
}

export const OUTCOME_NAMES = ['this', 'result', 'response', 'error']

/** What exists after the tool has run: OUTCOME_NAMES. */
function outcomeLocals(envelope: Envelope): Record<string, ContextValue> {
  const result = stepValue(envelope.data, envelope)
  const self = new StepValue({ ...envelope }, { data: new StepValue(envelope.data, commandsOf(envelope.data, envelope)) })
  return { this: self, result, response: result, error: envelope.error }
}

/** Of a list of tools, what those before gave, each under its name, and the names that its rules set. */
function toolLocals({ tools }: Snapshot['run']): Record<string, ContextValue> {
  if (!tools) return {}
  const outputs = tools.done.map(({ name, result, envelope }) => [name, stepValue(result, envelope)] as const)
  return { ...Object.fromEntries(outputs), ...tools.locals }
}

/** `vars.<step>_index` and `_item` are the iteration's own, even when 50 run at once. */
export function iterationVars({ step, run }: Snapshot): JsonObject {
  if (run.iteration === null) return {}
  return { [`${step.name}_index`]: run.iteration, [`${step.name}_item`]: run.item }
}

function iterationLocals({ step, run, parent }: Snapshot): Record<string, ContextValue> {
  if (run.iteration === null || !step.loop) return {}
  const length = parent?.loop?.total ?? 0
  const loop: JsonObject = {
    index: run.iteration + 1,
    index0: run.iteration,
    first: run.iteration === 0,
    last: run.iteration === length - 1,
    length,
  }
  return { [step.loop.element]: run.item, loop }
}
