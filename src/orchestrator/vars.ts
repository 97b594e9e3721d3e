import { isTransientError, TransientError } from '../core/errors.js'
import { type JsonObject, type JsonValue, jsonSize } from '../core/json.js'
import type { VarEntry } from '../playbook/model.js'
import { createContext, renderTree } from '../template/index.js'
import { tooLarge, VARIABLE_LIMITS } from '../variables/limits.js'
import type { VariableWrite } from '../variables/record.js'
import { storableValue } from '../variables/validate.js'
import { type Envelope, layersOf } from './context.js'
import { storableText } from './storable.js'
import type { Snapshot } from './types.js'

export interface VarsResult {
  readonly writes: readonly VariableWrite[]
  /** The variables as they are after the block. */
  readonly vars: JsonObject
  /** Entries that could not be evaluated on a failed step, and why: recorded in the event. */
  readonly skipped: readonly { readonly name: string; readonly message: string }[]
}

export interface VarsRequest {
  readonly entries: readonly VarEntry[]
  readonly snapshot: Snapshot
  readonly vars: JsonObject
  /** How the attempt ended; null before the tool. */
  readonly envelope: Envelope | null
  /** On a failed step an entry that cannot be evaluated is skipped; otherwise it throws. */
  readonly isLenient: boolean
}

/**
 * Evaluates a `vars` block top to bottom; each entry sees those above it. Pure.
 * @throws TransientError TEMPLATE_* for the first entry that fails, unless lenient
 */
export function evaluateVars({ entries, snapshot, vars, envelope, isLenient }: VarsRequest): VarsResult {
  const writes: VariableWrite[] = []
  const skipped: { name: string; message: string }[] = []
  let current = vars
  for (const entry of entries) {
    try {
      const value = renderTree(
        entry.value,
        createContext(layersOf(snapshot, { vars: current, ...(envelope ? { envelope } : {}) })),
        entry.at,
      )
      checkValue(entry, value)
      current = { ...current, [entry.name]: value }
      writes.push({ operation: 'set', name: entry.name, value, type: 'step_result', sourceStep: snapshot.step.name })
    } catch (error) {
      if (!isLenient || !isTransientError(error)) throw error
      skipped.push({ name: entry.name, message: storableText(error.message) })
    }
  }
  return { writes, vars: current, skipped }
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

/** A variable that the iterator itself keeps. */
export function stateWrite(snapshot: Snapshot, suffix: string, value: JsonObject[string]): VariableWrite {
  const { name } = snapshot.step
  return { operation: 'set', name: `${name}_${suffix}`, value, type: 'iterator_state', sourceStep: name }
}

/** The TransientError behind anything thrown by a pure evaluation; faults of ours go on up. */
export function asStepFault(error: unknown): TransientError {
  if (isTransientError(error)) return error
  throw error
}
