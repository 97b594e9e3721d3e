import type { VarEntry } from './model.js'
import { nameFault } from './names.js'
import { type Cursor, describeKind, type Field, fieldsOf, isEmpty, kindOf, report, reportKey } from './reader.js'
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

export const NO_VARS: WrittenVars = { before: [], after: [], isExplicit: false }

/** Reads `vars`, plain or with `before` and `after`. */
export function readVars(field: Field | null): WrittenVars {
  if (!field) return NO_VARS
  const fields = [...fieldsOf(field.value).values()]
  const isExplicit =
    fields.length > 0 &&
    fields.every((entry) => (entry.name === 'before' || entry.name === 'after') && kindOf(entry.value) === 'mapping')
  if (!isExplicit) return { ...NO_VARS, after: readEntries(field.value) }
  const part = (name: string) => fields.filter((entry) => entry.name === name).flatMap((entry) => readEntries(entry.value))
  return { before: part('before'), after: part('after'), isExplicit }
}

/** Reads a mapping of names to values, top to bottom. */
export function readEntries(cursor: Cursor): WrittenVar[] {
  if (kindOf(cursor) !== 'mapping') {
    if (!isEmpty(cursor)) report(cursor, `vars must be a mapping of names to values, not ${describeKind(cursor)}`)
    return []
  }
  return [...fieldsOf(cursor).values()].map((field) => {
    const fault = nameFault(field.name, 'variable')
    if (fault) reportKey(field, fault)
    return { entry: { name: field.name, value: templatesOf(field.value), at: field.value.path }, field }
  })
}
