import { isTransientError, type TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { MASK } from './mask.js'

/** What of an execution is sensitive, so that templates that read it give something sensitive. */
export interface Sensitive {
  readonly vars: ReadonlySet<string>
  readonly steps: ReadonlySet<string>
  readonly workload: ReadonlySet<string>
  /** Of the playbook's space. */
  readonly globals: ReadonlySet<string>
  /** By `vars.token`, `results.fetch`, `workload.key`: what cannot be decrypted, and why. */
  readonly unreadable: ReadonlyMap<string, TransientError>
}

const NOTHING: Sensitive = {
  ...{ vars: new Set(), steps: new Set(), workload: new Set(), globals: new Set() },
  unreadable: new Map(),
}
const ROOTS = { vars: 'vars', steps: 'results', workload: 'workload', globals: 'globals' } as const

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
  const { unreadable: before } = sensitive ?? NOTHING
  const sets = setsOf(sensitive ?? NOTHING)
  const unreadable = new Map(before)
  for (const { kind, name, fault = null } of names) {
    sets[kind].add(name)
    if (fault === null) unreadable.delete(`${ROOTS[kind]}.${name}`)
    else unreadable.set(`${ROOTS[kind]}.${name}`, fault)
  }
  return { ...sets, unreadable }
}

/** Why one of these reads (`vars.token`, `workload.*`) cannot be done: its key is missing. */
export function unreadableOf(reads: readonly string[], unreadable: Sensitive['unreadable']): TransientError | undefined {
  return reads.map((name) => faultOf(name, unreadable)).find((found) => found !== undefined)
}

function faultOf(name: string, unreadable: Sensitive['unreadable']): TransientError | undefined {
  if (!name.endsWith('.*')) return unreadable.get(name)
  const root = name.slice(0, -1)
  for (const [unread, fault] of unreadable) if (unread.startsWith(root)) return fault
  return undefined
}

/** The same, where these names are not sensitive any more. */
export function withoutSensitive(sensitive: Sensitive | null, names: readonly SensitiveName[]): Sensitive | null {
  if (sensitive === null || !names.some(({ kind, name }) => sensitive[kind].has(name))) return sensitive
  const sets = setsOf(sensitive)
  for (const { kind, name } of names) sets[kind].delete(name)
  return { ...sets, unreadable: sensitive.unreadable }
}

function setsOf({ vars, steps, workload, globals }: Sensitive) {
  return { vars: new Set(vars), steps: new Set(steps), workload: new Set(workload), globals: new Set(globals) }
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

/** What of a hidden error stays readable: a tool's details may quote what is sensitive, as its message may. */
const SHOWN_OF_ERRORS = new Set(['code', 'step', 'attempt'])

/** An error as anyone may see it. */
export function shownError<E extends object>(error: E, isSensitive: boolean): E {
  if (!isSensitive) return error
  const shown = Object.entries(error).filter(([key]) => SHOWN_OF_ERRORS.has(key))
  return { ...Object.fromEntries(shown), message: MASK } as E
}
