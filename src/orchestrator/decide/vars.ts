import { storableValue, tooLarge, VARIABLE_LIMITS, type VariableWrite } from '../../commit/record.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue, jsonSize } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import type { VarEntry } from '../../playbook/model.js'
import { type Sensitive, type SensitiveFault, withSensitive } from '../../sealing/sensitive.js'
import {
  type Budget,
  type ContextLayers,
  createContext,
  referencesOf,
  renderTree,
  StepValue,
  sensitiveReads,
} from '../../template/index.js'
import { withComputed } from './computed.js'
import { type Envelope, iterationVars, layersOf, OUTCOME_NAMES } from './context.js'
import { isStepFault, type TrackedResult, trackSensitive } from './sensitive.js'
import type { Snapshot } from './types.js'

export interface VarsResult {
  readonly writes: readonly VariableWrite[]
  /** The variables as they are after the block. */
  readonly vars: JsonObject
  /** What is sensitive after the block. */
  readonly sensitive: Sensitive | null
  /** Entries that could not be evaluated on a failed step, and why: recorded in the event. */
  readonly skipped: readonly { readonly name: string; readonly message: string }[]
}

export interface VarsRequest {
  readonly entries: readonly VarEntry[]
  readonly snapshot: Snapshot
  readonly vars: JsonObject
  /** How the attempt ended; null before the tool. */
  readonly envelope: Envelope | null
  /** Whether that is sensitive. */
  readonly isSensitive: boolean
  /** On a failed step an entry that cannot be evaluated is skipped; otherwise it throws. */
  readonly isLenient: boolean
}

/**
 * Evaluates a `vars` block top to bottom; each entry sees those above it. Pure.
 * @throws TransientError TEMPLATE_* for the first entry that fails, unless lenient
 */
export function evaluateVars({ entries, snapshot, vars, envelope, isLenient, ...outcome }: VarsRequest): VarsResult {
  const writes: VariableWrite[] = []
  const skipped: { name: string; message: string }[] = []
  const current = { ...vars }
  const secrets = sensitiveVariables(snapshot)
  const unreadable = new Map(snapshot.sensitive?.unreadable)
  const added: SensitiveFault[] = []
  const layersNow = () => {
    const sensitive = withSensitive(snapshot.sensitive ?? null, added)
    return layersOf(snapshot, { vars: current, sensitive, ...(envelope ? { envelope, ...outcome } : {}) })
  }
  // One context for all entries, in which the variables grow: one for each of ten thousand would copy them ten thousand times.
  let layers = layersNow()
  const grow = (name: string, value: JsonValue, isSensitive: boolean) => {
    current[name] = value
    if (!Object.hasOwn(iterationVars(snapshot), name)) (layers.vars as JsonObject)[name] = value
    if (!isSensitive) return
    added.push({ kind: 'vars', name })
    secrets.add(name)
    unreadable.delete(`vars.${name}`)
    if (layers.sensitive === undefined) layers = layersNow()
    else (layers.sensitive.vars as Set<string>).add(name)
  }
  for (const { name, value: template, at } of entries) {
    try {
      const rendered = trackSensitive({ template, layers, at, unreadable }, () => {
        const value = renderTree(template, createContext(layers), at)
        checkValue({ name, at }, value, snapshot.evaluationLimits?.budget)
        return withoutShared(value, layers.vars)
      })
      if (
        isLenient &&
        rendered.value === null &&
        (current[name] ?? null) !== null &&
        readsNothing(template, snapshot, envelope)
      ) {
        skipped.push({ name, message: 'the step failed and gave nothing: what was there stays' })
        continue
      }
      const isSensitive = rendered.isSensitive || secrets.has(name)
      grow(name, rendered.value, isSensitive)
      const write = {
        operation: 'set',
        name,
        value: rendered.value,
        type: 'step_result',
        sourceStep: snapshot.step.name,
      } as const
      writes.push(isSensitive ? { ...write, isSensitive } : write)
    } catch (error) {
      if (!isLenient || !isStepFault(error)) throw error
      skipped.push({ name, message: storableText(error.message) })
    }
  }
  const after = { vars: current, sensitive: withSensitive(snapshot.sensitive ?? null, added) }
  return { writes, skipped, ...computedAfter({ snapshot, isLenient }, writes, after) }
}

function computedAfter(
  { snapshot, isLenient }: Pick<VarsRequest, 'snapshot' | 'isLenient'>,
  writes: readonly VariableWrite[],
  after: Pick<VarsResult, 'vars' | 'sensitive'>,
): Pick<VarsResult, 'vars' | 'sensitive'> {
  try {
    return withComputed(snapshot, { ...after, names: writes.map(({ name }) => name) })
  } catch (error) {
    // It is said when the change set is refused.
    if (!isLenient || !isStepFault(error)) throw error
    return after
  }
}

/** Whether a template takes what the attempt gave, where that is nothing. */
function readsNothing(template: JsonValue, { step }: Snapshot, envelope: Envelope | null): boolean {
  if (envelope === null || envelope.data !== null) return false
  const { roots } = referencesOf([template])
  return [...OUTCOME_NAMES, step.name].some((name) => roots.has(name))
}

/** Variables of which whatever is written is sensitive: they are already, or the playbook says so. */
export function sensitiveVariables({ execution, sensitive }: Pick<Snapshot, 'execution' | 'sensitive'>): Set<string> {
  return new Set([...execution.sensitive, ...(sensitive?.vars ?? [])])
}

/** A value that does not hold the growing context itself, as `{{ vars }}` or `{{ workload }}` give it, but what that was. */
export function withoutShared(value: JsonValue, shared: JsonObject | undefined): JsonValue {
  if (value === shared) return { ...shared }
  if (Array.isArray(value))
    return value.some((item) => holds(item, shared)) ? value.map((item) => withoutShared(item, shared)) : value
  if (!isJsonObject(value) || !holds(value, shared)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutShared(item, shared)]))
}

function holds(value: JsonValue, shared: JsonObject | undefined): boolean {
  if (value === shared) return true
  if (Array.isArray(value)) return value.some((item) => holds(item, shared))
  return isJsonObject(value) && Object.values(value).some((item) => holds(item, shared))
}

/** Bytes of a value that count as a step of a template: they are looked through again and again until they are stored. */
const BYTES_PER_STEP = 16

/** Found here, so that on a failed step only this entry is left out; limits of the whole execution are the change set's. */
export function checkValue({ name, at }: Pick<VarEntry, 'name' | 'at'>, value: JsonValue, budget: Budget | undefined): void {
  const limit = VARIABLE_LIMITS.valueBytes
  const size = jsonSize(value)
  if (budget) budget.steps -= size / BYTES_PER_STEP
  if (size > limit) throw tooLarge({ what: 'its value', limit, size, unit: 'bytes', variable: name })
  try {
    storableValue(value, at)
  } catch (error) {
    throw isTransientError(error) ? new TransientError('TEMPLATE_ERROR', error.message) : error
  }
}

/** One change set may name a variable once: the last write of a name counts. */
export function mergeWrites(...groups: readonly (readonly VariableWrite[])[]): VariableWrite[] {
  const byName = new Map<string, VariableWrite>()
  for (const write of groups.flat()) byName.set(write.name, write)
  return [...byName.values()]
}

/** A variable that the iterator itself keeps; sensitive where its collection is. */
export function stateWrite({ step: { name } }: Snapshot, suffix: string, kept: TrackedResult<JsonValue>): VariableWrite {
  const { value, isSensitive } = kept
  const write = { operation: 'set', name: `${name}_${suffix}`, value, type: 'iterator_state', sourceStep: name } as const
  return isSensitive ? { ...write, isSensitive } : write
}

/** The TransientError behind anything thrown by a pure evaluation; faults of ours, and missing keys, go on up. */
export function asStepFault(error: unknown): TransientError {
  if (isStepFault(error)) return error
  throw error
}

/** Whether a sensitive variable is taken from what the attempt gave: then that is sensitive, too. */
export function givesSecret(snapshot: Snapshot): boolean {
  const { step, run, sensitive = null, execution } = snapshot
  if (sensitive === null && execution.sensitive.length === 0) return false
  const secrets = sensitiveVariables(snapshot)
  const ofTools = (step.tools ?? []).flatMap(({ vars, rules }) => [...vars, ...rules.flatMap((rule) => rule.vars)])
  const entries = [...(run.iteration === null ? step.vars.after : (step.loop?.taskVars ?? [])), ...ofTools]
  const layers = outcomeLayers(step.name)
  return entries.some(({ name, value }) => secrets.has(name) && sensitiveReads(value, layers).length > 0)
}

/** A context in which the outcome, and nothing else, is sensitive. */
function outcomeLayers(step: string): ContextLayers {
  const none: ReadonlySet<string> = new Set()
  return {
    locals: Object.fromEntries(OUTCOME_NAMES.map((name) => [name, null])),
    steps: { [step]: new StepValue(null, {}) },
    sensitive: { locals: new Set(OUTCOME_NAMES), vars: none, steps: new Set([step]), workload: none, builtins: none },
  }
}
