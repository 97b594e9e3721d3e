import { referencesOf } from '../template/index.js'
import type { Operations, VariableOperation } from './model.js'
import { nameFault } from './names.js'
import { countRule } from './numbers.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  itemsOf,
  jsonOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { isTemplate, numberOrTemplate, templatesOf } from './templates.js'

const WRITES = ['set', 'increment', 'append'] as const
type Writing = (typeof WRITES)[number]
const TTL_RULE = countRule(1)

export const NO_OPERATIONS: Operations<never> = { globals: [], parent: [], root: [] }

/** Keys of a step and of a task that `readOperations` reads. */
export const OPERATION_KEYS = ['globals', 'parent', 'root'] as const

/** Reads `globals`, `parent` and `root` of a step or of an iterator's task: what its transaction does with variables of others. */
export function readOperations(fields: Fields): Operations<VariableOperation> {
  return {
    globals: readBlock(given(fields, 'globals'), { of: 'globals', known: [...WRITES, 'delete'] }),
    parent: readBlock(given(fields, 'parent'), { of: 'parent', known: WRITES }),
    root: readBlock(given(fields, 'root'), { of: 'root', known: WRITES }),
  }
}

interface BlockRules {
  readonly of: keyof Operations<unknown>
  readonly known: readonly string[]
}

function readBlock(field: Field | null, { of, known }: BlockRules): readonly VariableOperation[] {
  if (!field) return []
  if (kindOf(field.value) !== 'mapping') {
    const what = `${of} must be a mapping of operations, such as {increment: {charges_today: 1}}`
    report(field.value, `${what}, not ${describeKind(field.value)}`)
    return []
  }
  const fields = fieldsOf(field.value)
  checkKeys(fields, { known, of })
  const operations = known.flatMap((name) => {
    const written = fields.get(name)
    if (!written) return []
    return name === 'delete' ? readDeletes(written) : readWrites(name as Writing, { field: written, hasTtl: of === 'globals' })
  })
  const seen = new Set<string>()
  for (const { operation, cursor } of operations) {
    const { name } = operation
    if (seen.has(name))
      report(
        cursor,
        `"${name}" is written twice: one transaction does one thing with ${of === 'globals' ? 'a variable of the space' : 'a variable'}`,
      )
    seen.add(name)
  }
  return operations.map(({ operation }) => operation)
}

interface ReadOperation {
  readonly operation: VariableOperation
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

interface Writes {
  readonly field: Field
  /** Variables of a space may be kept for a time. */
  readonly hasTtl: boolean
}

function readWrites(operation: Writing, { field: { value }, hasTtl }: Writes): ReadOperation[] {
  if (kindOf(value) !== 'mapping') {
    report(value, `${operation} must be a mapping of names to values, not ${describeKind(value)}`)
    return []
  }
  return [...fieldsOf(value).values()].map((field) => {
    const fault = nameFault(field.name, 'variable')
    if (fault) reportKey(field, fault)
    return {
      operation: { ...readWrite(operation, { field, hasTtl }), name: field.name, at: field.value.path },
      cursor: field.value,
    }
  })
}

type Write =
  | Omit<Extract<VariableOperation, { operation: 'set' }>, 'name' | 'at'>
  | Omit<Extract<VariableOperation, { operation: 'increment' | 'append' }>, 'name' | 'at'>

function readWrite(operation: Writing, { field: { name, value }, hasTtl }: Writes): Write {
  if (operation === 'append') return { operation, value: templatesOf(value) }
  if (operation === 'increment') {
    const text = textOf(value)
    const isNumber = kindOf(value) === 'number' || (text !== null && isTemplate(text))
    if (!isNumber) report(value, `increment: "${name}" must be a number, or a template of one, not ${describeKind(value)}`)
    return { operation, value: templatesOf(value) }
  }
  const fields = fieldsOf(value)
  const [timed, ttl] = [fields.get('value'), fields.get('ttl')]
  const isTimed = hasTtl && kindOf(value) === 'mapping' && fields.size === 2 && timed !== undefined && ttl !== undefined
  const written = isTimed ? timed.value : value
  if (referencesOf(jsonOf(written)).roots.has('globals')) {
    const advice = 'use "increment" or "append", which take it as it is when they are carried out'
    report(written, `set: "${name}" reads a variable of the space, which another transaction may change meanwhile: ${advice}`)
  }
  return { operation, value: templatesOf(written), ttl: isTimed ? numberOrTemplate(ttl.value, 'ttl', TTL_RULE) : null }
}

/** Reads `accept`: variables that executions which a step starts may change. */
export function readAccept(fields: Fields): readonly string[] {
  const field = given(fields, 'accept')
  if (!field) return []
  const { value } = field
  if (kindOf(value) !== 'list') {
    report(value, `accept must be a list of names of variables, not ${describeKind(value)}`)
    return []
  }
  return itemsOf(value).flatMap((item) => {
    const name = textOf(item)
    const fault = name === null ? `accept lists names of variables, not ${describeKind(item)}` : nameFault(name, 'variable')
    if (fault) report(item, fault)
    return name === null ? [] : [name]
  })
}
