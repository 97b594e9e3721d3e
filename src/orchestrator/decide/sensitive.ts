import { isTransientError, TransientError } from '../../core/errors.js'
import type { JsonValue } from '../../core/json.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { MASK } from '../../sealing/mask.js'
import { type ContextLayers, sensitiveReads, sensitiveReadsOfCondition } from '../../template/index.js'

/** What of an execution is sensitive, so that templates that read it give something sensitive. */
export interface Sensitive {
  readonly vars: ReadonlySet<string>
  readonly steps: ReadonlySet<string>
  readonly workload: ReadonlySet<string>
  /** By `vars.token`, `results.fetch`, `workload.key`: what cannot be decrypted, and why. */
  readonly unreadable: ReadonlyMap<string, TransientError>
}

const NOTHING: Sensitive = { vars: new Set(), steps: new Set(), workload: new Set(), unreadable: new Map() }
const ROOTS = { vars: 'vars', steps: 'results', workload: 'workload' } as const

interface SensitiveName {
  readonly kind: keyof typeof ROOTS
  readonly name: string
}

export interface SensitiveFault extends SensitiveName {
  readonly fault?: TransientError | null
}

/** The same, where these names are sensitive now; `fault`: why the value of one cannot be read. */
export function withSensitive(sensitive: Sensitive | null, names: readonly SensitiveFault[]): Sensitive | null {
  if (names.length === 0) return sensitive
  const { vars, steps, workload, unreadable: before } = sensitive ?? NOTHING
  const sets = { vars: new Set(vars), steps: new Set(steps), workload: new Set(workload) }
  const unreadable = new Map(before)
  for (const { kind, name, fault = null } of names) {
    sets[kind].add(name)
    if (fault === null) unreadable.delete(`${ROOTS[kind]}.${name}`)
    else unreadable.set(`${ROOTS[kind]}.${name}`, fault)
  }
  return { ...sets, unreadable }
}

/** The same, where these names are not sensitive any more. */
export function withoutSensitive(sensitive: Sensitive | null, names: readonly SensitiveName[]): Sensitive | null {
  if (sensitive === null || !names.some(({ kind, name }) => sensitive[kind].has(name))) return sensitive
  const { vars, steps, workload, unreadable } = sensitive
  const sets = { vars: new Set(vars), steps: new Set(steps), workload: new Set(workload) }
  for (const { kind, name } of names) sets[kind].delete(name)
  return { ...sets, unreadable }
}

/** Whether an error of an evaluation is the step's own; a key that this process lacks is not: another process may have it. */
export function isStepFault(error: unknown): error is TransientError {
  return isTransientError(error) && !isMissingKey(error)
}

/** A value that was opened, or the mask and why it could not be. */
export function opened<T extends JsonValue>(
  open: () => T,
): { readonly value: T | typeof MASK; readonly fault: TransientError | null } {
  try {
    return { value: open(), fault: null }
  } catch (error) {
    if (!isTransientError(error)) throw error
    return { value: MASK, fault: error }
  }
}

export interface TrackedResult<T> {
  readonly value: T
  readonly isSensitive: boolean
}

interface TrackedTemplate {
  readonly template: JsonValue
  readonly layers: ContextLayers
  readonly at: string
  readonly unreadable: Sensitive['unreadable'] | undefined
}

/**
 * Evaluates what a template says. What comes of one that reads something sensitive is sensitive, as is whatever goes wrong with it.
 * @throws TransientError of the evaluation, without its message where that may show something; INTERNAL for a value whose key is lost
 */
export function trackSensitive<T>(tracked: TrackedTemplate, evaluate: () => T): TrackedResult<T> {
  return trackSensitiveReads(sensitiveReads(tracked.template, tracked.layers), tracked, evaluate)
}

/** The same for a condition, which may be a bare expression. */
export function trackSensitiveCondition<T>(
  tracked: TrackedTemplate & { readonly template: string },
  evaluate: () => T,
): TrackedResult<T> {
  return trackSensitiveReads(sensitiveReadsOfCondition(tracked.template, tracked.layers), tracked, evaluate)
}

/** The same where it is known what is read. */
export function trackSensitiveReads<T>(
  reads: readonly string[],
  { at, unreadable }: Pick<TrackedTemplate, 'at' | 'unreadable'>,
  evaluate: () => T,
): TrackedResult<T> {
  if (reads.length === 0) return { value: evaluate(), isSensitive: false }
  const fault = unreadable && reads.map((name) => faultOf(name, unreadable)).find((found) => found !== undefined)
  if (fault) throw fault
  try {
    return { value: evaluate(), isSensitive: true }
  } catch (error) {
    throw isTransientError(error) ? withoutMessage(error, at) : error
  }
}

function faultOf(name: string, unreadable: Sensitive['unreadable']): TransientError | undefined {
  if (!name.endsWith('.*')) return unreadable.get(name)
  const root = name.slice(0, -1)
  for (const [unread, fault] of unreadable) if (unread.startsWith(root)) return fault
  return undefined
}

/** What went wrong with a sensitive value may quote it, or tell its kind or length. */
export function withoutMessage({ code }: TransientError, at: string): TransientError {
  return new TransientError(code, `${at}: ${MASK} (it reads something sensitive, so what is wrong with it is not shown)`, {
    details: { at },
  })
}

/** What of a hidden error stays readable: a tool's details may quote what is sensitive, as its message may. */
const SHOWN_OF_ERRORS = new Set(['code', 'step', 'attempt'])

/** An error as anyone may see it. */
export function shownError<E extends object>(error: E, isSensitive: boolean): E {
  if (!isSensitive) return error
  const shown = Object.entries(error).filter(([key]) => SHOWN_OF_ERRORS.has(key))
  return { ...Object.fromEntries(shown), message: MASK } as E
}
