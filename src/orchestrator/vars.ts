import { isTransientError, TransientError } from '../core/errors.js'
import { type JsonObject, type JsonValue, jsonSize } from '../core/json.js'
import type { VarEntry } from '../playbook/model.js'
import { createContext, renderTree } from '../template/index.js'
import { tooLarge, VARIABLE_LIMITS } from '../variables/limits.js'
import type { VariableWrite } from '../variables/record.js'
import { storableValue } from '../variables/validate.js'
import { type Envelope, layersOf } from './context.js'
import { type Guarded, guarded, type Sensitive, withSensitive } from './sensitive.js'
import { storableText } from './storable.js'
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
export function evaluateVars({ entries, snapshot, vars, isLenient, ...outcome }: VarsRequest): VarsResult {
  const writes: VariableWrite[] = []
  const skipped: { name: string; message: string }[] = []
  let current = vars
  let sensitive = snapshot.sensitive ?? null
  for (const entry of entries) {
    try {
      const rendered = evaluateEntry(entry, { ...outcome, snapshot, vars: current, sensitive })
      const { name } = entry
      const isSensitive = rendered.isSensitive || isSensitiveName(snapshot, sensitive, name)
      if (isSensitive) sensitive = withSensitive(sensitive, { kind: 'vars', name })
      current = { ...current, [name]: rendered.value }
      const write = {
        operation: 'set',
        name,
        value: rendered.value,
        type: 'step_result',
        sourceStep: snapshot.step.name,
      } as const
      writes.push(isSensitive ? { ...write, isSensitive } : write)
    } catch (error) {
      if (!isLenient || !isTransientError(error)) throw error
      skipped.push({ name: entry.name, message: storableText(error.message) })
    }
  }
  return { writes, vars: current, sensitive, skipped }
}

type EntryRequest = Pick<VarsRequest, 'snapshot' | 'vars' | 'envelope' | 'isSensitive'> & { readonly sensitive: Sensitive | null }

function evaluateEntry(entry: VarEntry, { snapshot, vars, envelope, isSensitive, sensitive }: EntryRequest): Guarded<JsonValue> {
  const layers = layersOf(snapshot, { vars, sensitive, ...(envelope ? { envelope, isSensitive } : {}) })
  return guarded({ template: entry.value, layers, at: entry.at, unreadable: sensitive?.unreadable }, () => {
    const value = renderTree(entry.value, createContext(layers), entry.at)
    checkValue(entry, value)
    return value
  })
}

/** Whether whatever is written to a variable is sensitive: it is already, or the playbook says so. */
export function isSensitiveName({ execution }: Snapshot, sensitive: Sensitive | null, name: string): boolean {
  return execution.sensitive.includes(name) || sensitive?.vars.has(name) === true
}

/** Found here, so that on a failed step only this entry is left out; limits of the whole execution are the change set's. */
function checkValue({ name, at }: VarEntry, value: JsonValue): void {
  const limit = VARIABLE_LIMITS.valueBytes
  const size = jsonSize(value)
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
export function stateWrite({ step: { name } }: Snapshot, suffix: string, kept: Guarded<JsonValue>): VariableWrite {
  const { value, isSensitive } = kept
  const write = { operation: 'set', name: `${name}_${suffix}`, value, type: 'iterator_state', sourceStep: name } as const
  return isSensitive ? { ...write, isSensitive } : write
}

/** The TransientError behind anything thrown by a pure evaluation; faults of ours go on up. */
export function asStepFault(error: unknown): TransientError {
  if (isTransientError(error)) return error
  throw error
}
