import type { VarEntry } from './model.js'
import { nameFault } from './names.js'
import { type Cursor, describeKind, type Field, fieldsOf, isEmpty, kindOf, refuse, report, reportKey } from './reader.js'
import { templatesOf } from './templates.js'

/** A variable's assignment as it is written. */
export interface WrittenVar {
  readonly entry: VarEntry
  readonly field: Field
}

/** A `vars` block as it is written. */
export interface WrittenVars {
  readonly before: readonly WrittenVar[]
  readonly after: readonly WrittenVar[]
  /** Whether the author said `before` and `after`, so that nothing is moved. */
  readonly isExplicit: boolean
}

/** Entries of one block, `before` and `after` together. */
const MAX_ENTRIES = 10_000

export const NO_VARS: WrittenVars = { before: [], after: [], isExplicit: false }

/** Reads `vars`, plain or with `before` and `after`. */
export function readVars(field: Field | null): WrittenVars {
  if (!field) return NO_VARS
  const fields = [...fieldsOf(field.value).values()]
  const isExplicit =
    fields.length > 0 &&
    fields.every((entry) => (entry.name === 'before' || entry.name === 'after') && kindOf(entry.value) === 'mapping')
  if (!isExplicit) return { ...NO_VARS, after: readEntries(field.value) }
  const [before = [], after = []] = ['before', 'after'].map((name) =>
    fields.filter((entry) => entry.name === name).flatMap((entry) => readEntries(entry.value)),
  )
  if (before.length <= MAX_ENTRIES && after.length <= MAX_ENTRIES) checkCount(field.value, before.length + after.length)
  return { before, after, isExplicit }
}

/** Reads `let`: names that only one visit, or iteration, knows. `element`: the name of the current element. */
export function readLocals(field: Field | null, element: string | null): VarEntry[] {
  if (!field) return []
  return readEntries(field.value, 'let').map(({ entry, field: written }) => {
    if (entry.name === element)
      reportKey(written, `"${entry.name}" is the name of the current element: give one of them another name`)
    return entry
  })
}

/** Reads a mapping of names to values, top to bottom. */
export function readEntries(cursor: Cursor, of = 'vars'): WrittenVar[] {
  if (kindOf(cursor) !== 'mapping') {
    if (!isEmpty(cursor)) report(cursor, `${of} must be a mapping of names to values, not ${describeKind(cursor)}`)
    return []
  }
  const fields = [...fieldsOf(cursor).values()]
  if (!checkCount(cursor, fields.length, of)) return []
  if (of === 'vars') cursor.source.assignments.push(...fields)
  return fields.map((field) => {
    const fault = nameFault(field.name, 'variable', cursor.source.isRegistered)
    if (fault) reportKey(field, fault)
    return { entry: { name: field.name, value: templatesOf(field.value), at: field.value.path }, field }
  })
}

function checkCount(cursor: Cursor, count: number, of = 'vars'): boolean {
  if (count <= MAX_ENTRIES) return true
  refuse(cursor, `${of} has ${count} entries, the limit is ${MAX_ENTRIES}; write a list or an object to fewer variables`)
  return cursor.source.isRegistered
}
