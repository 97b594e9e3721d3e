import { DEFAULT_SPACE, isSpaceName, SPACE_NAMES } from '../core/space.js'
import { referencesOf } from '../template/index.js'
import type { GlobalOperation } from './model.js'
import { nameFault } from './names.js'
import { countRule } from './numbers.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  fieldsOf,
  itemsOf,
  jsonOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { isTemplate, numberOrTemplate, templatesOf } from './templates.js'

const OPERATIONS = ['set', 'increment', 'append', 'delete']
const TTL_RULE = countRule(1)

/** Reads the root's `globals`: the space that `globals.<name>` means. */
export function readSpace(field: Field | null): string {
  if (!field) return DEFAULT_SPACE
  const name = textOf(field.value)
  if (name !== null && isSpaceName(name)) return name
  const found = name === null ? describeKind(field.value) : `"${name.slice(0, 60)}"`
  report(field.value, `globals must be the name of a space, such as billing/prod (${SPACE_NAMES}), not ${found}`)
  return DEFAULT_SPACE
}

/** Reads the `globals` of a step or of an iterator's task: what its transaction does with variables of the space. */
export function readGlobals(field: Field | null): readonly GlobalOperation[] {
  if (!field) return []
  if (kindOf(field.value) !== 'mapping') {
    const what = 'globals must be a mapping of operations, such as {increment: {charges_today: 1}}'
    report(field.value, `${what}, not ${describeKind(field.value)}`)
    return []
  }
  const fields = fieldsOf(field.value)
  checkKeys(fields, { known: OPERATIONS, of: 'globals' })
  const operations = OPERATIONS.flatMap((name) => {
    const given = fields.get(name)
    if (!given) return []
    return name === 'delete' ? readDeletes(given) : readWrites(name as 'set' | 'increment' | 'append', given)
  })
  const seen = new Set<string>()
  for (const { operation, cursor } of operations) {
    const { name } = operation
    if (seen.has(name)) report(cursor, `"${name}" is written twice: one transaction does one thing with a variable of the space`)
    seen.add(name)
  }
  return operations.map(({ operation }) => operation)
}

interface ReadOperation {
  readonly operation: GlobalOperation
  readonly cursor: Cursor
}

function readDeletes({ value }: Field): ReadOperation[] {
  if (kindOf(value) !== 'list') {
    report(value, `delete must be a list of names, not ${describeKind(value)}`)
    return []
  }
  return itemsOf(value).flatMap((item) => {
    const name = textOf(item)
    const fault = name === null ? `delete lists names, not ${describeKind(item)}` : nameFault(name, 'variable')
    if (fault) report(item, fault)
    return name === null ? [] : [{ operation: { operation: 'delete', name, at: item.path }, cursor: item }]
  })
}

function readWrites(operation: 'set' | 'increment' | 'append', { value }: Field): ReadOperation[] {
  if (kindOf(value) !== 'mapping') {
    report(value, `${operation} must be a mapping of names to values, not ${describeKind(value)}`)
    return []
  }
  return [...fieldsOf(value).values()].map((field) => {
    const fault = nameFault(field.name, 'variable')
    if (fault) reportKey(field, fault)
    return { operation: { ...readWrite(operation, field), name: field.name, at: field.value.path }, cursor: field.value }
  })
}

type Write =
  | Omit<Extract<GlobalOperation, { operation: 'set' }>, 'name' | 'at'>
  | Omit<Extract<GlobalOperation, { operation: 'increment' | 'append' }>, 'name' | 'at'>

function readWrite(operation: 'set' | 'increment' | 'append', { name, value }: Field): Write {
  if (operation === 'append') return { operation, value: templatesOf(value) }
  if (operation === 'increment') {
    const text = textOf(value)
    const isNumber = kindOf(value) === 'number' || (text !== null && isTemplate(text))
    if (!isNumber) report(value, `increment: "${name}" must be a number, or a template of one, not ${describeKind(value)}`)
    return { operation, value: templatesOf(value) }
  }
  const fields = fieldsOf(value)
  const [timed, ttl] = [fields.get('value'), fields.get('ttl')]
  const isTimed = kindOf(value) === 'mapping' && fields.size === 2 && timed !== undefined && ttl !== undefined
  const written = isTimed ? timed.value : value
  if (referencesOf(jsonOf(written)).roots.has('globals')) {
    const advice = 'use "increment" or "append", which take it as it is when they are carried out'
    report(written, `set: "${name}" reads a variable of the space, which another transaction may change meanwhile: ${advice}`)
  }
  return { operation, value: templatesOf(written), ttl: isTimed ? numberOrTemplate(ttl.value, 'ttl', TTL_RULE) : null }
}

/** What is evaluated before there is a step cannot read a space. */
export function checkWorkload(workload: Field | null): void {
  if (!workload) return
  for (const { name, value } of fieldsOf(workload.value).values()) {
    if (!referencesOf(jsonOf(value)).roots.has('globals')) continue
    report(value, `workload.${name} reads globals, which steps can read, and a workload cannot: read it in a step`)
  }
}
