import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { pointerParts } from '../schema/problem.js'
import { compileCondition, compileTemplate, type References } from '../template/index.js'
import type { ComputedVariable, Playbook, Step } from './model.js'
import { nameFault } from './names.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  fieldsOf,
  isEmpty,
  itemsOf,
  jsonOf,
  kindOf,
  nearestName,
  objectOf,
  refuse,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { nearest } from './suggest.js'
import { hasTemplate } from './templates.js'

const KEYS = ['workload', 'vars', 'results', 'closed', '$defs']

/** The `schema` block, read and not yet compiled: `check` does that. */
export interface SchemaReading {
  readonly block: JsonObject
  readonly at: Cursor
  /** The playbook's `workload`, whose literals are checked. */
  readonly workload: Cursor | null
  /** As in `PlaybookSchema`. */
  readonly names: ReadonlySet<string> | null
}

interface SchemaRequest {
  readonly field: Field
  readonly workload: Cursor | null
  readonly steps: readonly Step[]
  /** They are declared by what they are. */
  readonly computed: readonly ComputedVariable[]
  /** Where templates stand. */
  readonly readers: readonly Cursor[]
}

/** Reads `schema`: its keys, and the names in it. null where it is no mapping. */
export function readSchema({ field, workload, steps, computed, readers }: SchemaRequest): SchemaReading | null {
  const at = field.value
  if (kindOf(at) !== 'mapping') {
    report(at, `schema must be a mapping with ${KEYS.join(', ')}, not ${describeKind(at)}`)
    return null
  }
  const fields = fieldsOf(at)
  checkKeys(fields, { known: KEYS, of: 'schema' })
  const variables = namedSchemas(fields.get('vars'))
  for (const entry of variables) {
    const fault = nameFault(entry.name, 'variable')
    if (fault) reportKey(entry, fault)
  }
  const stepNames = steps.map(({ name }) => name)
  for (const entry of namedSchemas(fields.get('results'))) {
    if (stepNames.includes(entry.name)) continue
    reportKey(entry, `there is no step "${entry.name.slice(0, 60)}"${nearestName(entry.value, entry.name, stepNames)}`)
  }
  namedSchemas(fields.get('$defs'))
  const closed = fields.get('closed')
  if (closed && !['boolean', 'null'].includes(kindOf(closed.value)))
    report(closed.value, `closed is true or false, not ${describeKind(closed.value)}`)
  const block = objectOf(at)
  const inputs = [...(workload ? fieldsOf(workload).keys() : []), ...workloadProperties(block)]
  const declared = [...variables, ...computed].map(({ name }) => name)
  const names = block['closed'] === true ? new Set([...declared, ...iteratorVariables(steps)]) : null
  if (names !== null) checkClosed({ at, steps, readers, inputs, declared, known: names })
  return { block, at, workload, names }
}

function namedSchemas(field: Field | undefined): Field[] {
  if (!field || isEmpty(field.value)) return []
  if (kindOf(field.value) === 'mapping') return [...fieldsOf(field.value).values()]
  report(field.value, `"${field.name}" of schema must be a mapping of names to schemas, not ${describeKind(field.value)}`)
  return []
}

function workloadProperties({ workload }: JsonObject): string[] {
  return isJsonObject(workload) ? namesOf(workload, 'properties') : []
}

/** What an iterator keeps of its own: `<step>_total` and so on. */
const ITERATOR_SUFFIXES = ['total', 'count', 'index', 'item']

/** Variables that exist without being declared. */
export function iteratorVariables(steps: Playbook['steps']): string[] {
  return steps.filter(({ loop }) => loop !== null).flatMap(({ name }) => ITERATOR_SUFFIXES.map((suffix) => `${name}_${suffix}`))
}

interface Closed {
  readonly at: Cursor
  readonly steps: readonly Step[]
  readonly readers: readonly Cursor[]
  /** Names of the workload. */
  readonly inputs: readonly string[]
  readonly declared: readonly string[]
  readonly known: ReadonlySet<string>
}

/** Under `closed` every variable that is assigned or read is declared. */
function checkClosed({ at, steps, readers, inputs, declared, known }: Closed): void {
  const undeclared = (cursor: Cursor, name: string) =>
    `the variable "${name.slice(0, 60)}" is not declared in schema.vars, which is closed${nearestName(cursor, name, declared)}`
  const severity = at.source.isRegistered ? 'warning' : 'error'
  for (const field of at.source.assignments) {
    if (!known.has(field.name)) reportKey(field, undeclared(field.value, field.name), severity)
  }
  for (const name of steps.flatMap(({ accept }) => accept)) if (!known.has(name)) refuse(at, undeclared(at, name))
  const own = steps.flatMap(({ name, loop, tools }) => [
    name,
    ...(loop ? [loop.element] : []),
    ...(tools ?? []).map((tool) => tool.name),
  ])
  const others = new Set([...NOT_VARIABLES, ...own, ...inputs, ...readers.flatMap(argumentNames)])
  for (const reader of readers) {
    for (const { cursor, references } of readsOf(reader)) {
      const members = references.roots.has('vars') ? references.members.get('vars') : undefined
      for (const name of members === 'all' ? [] : (members ?? [])) if (!known.has(name)) refuse(cursor, undeclared(cursor, name))
      // A bare name may also be a key of the workload that is given at start; one that is nearly a variable's is meant to be it.
      for (const name of references.roots) {
        if (!known.has(name) && !others.has(name) && nearest(name, declared) !== null) refuse(cursor, undeclared(cursor, name))
      }
    }
  }
}

/** What templates find under these names is no variable. */
const NOT_VARIABLES = new Set([
  ...[
    'vars',
    'workload',
    'results',
    'globals',
    'result',
    'this',
    'response',
    'error',
    'event',
    'loop',
    'execution_id',
    'job',
    'env',
    'payload',
  ],
  ...['range', 'dict', 'namespace', 'now', 'cycler', 'joiner'],
])

/** Under these stand names of arguments and of a step's own values, which its templates may read. */
const ARGUMENTS = new Set(['args', 'data', 'with', 'params', 'let'])

function argumentNames(cursor: Cursor): string[] {
  const inner = [...fieldsOf(cursor).values()]
  return [
    ...inner.flatMap(({ name, value }) => (ARGUMENTS.has(name) ? [...fieldsOf(value).keys()] : [])),
    ...[...inner.map(({ value }) => value), ...itemsOf(cursor)].flatMap(argumentNames),
  ]
}

/** The parameter whose text is another language's. */
const CODE = 'code'
/** What is an expression without braces, too. */
const EXPRESSIONS = new Set(['when', 'where', 'order_by'])

function* readsOf(cursor: Cursor, key = ''): Generator<{ readonly cursor: Cursor; readonly references: References }> {
  const text = textOf(cursor)
  if (text !== null && key !== CODE) {
    const references = referencesIn(text, EXPRESSIONS.has(key))
    if (references) yield { cursor, references }
  }
  for (const field of fieldsOf(cursor).values()) yield* readsOf(field.value, field.name)
  for (const item of itemsOf(cursor)) yield* readsOf(item, key)
}

function referencesIn(text: string, isExpression: boolean): References | null {
  if (!isExpression && !text.includes('{')) return null
  try {
    return (isExpression ? compileCondition(text) : compileTemplate(text)).references
  } catch {
    // Its problem is said where it is read.
    return null
  }
}

/** The value that a JSON pointer leads to, or the last one on the way. */
export function cursorAt(cursor: Cursor, pointer: string): Cursor {
  let found = cursor
  for (const part of pointerParts(pointer)) {
    const next = kindOf(found) === 'list' ? itemsOf(found)[Number(part)] : fieldsOf(found).get(part)?.value
    if (!next) return found
    found = next
  }
  return found
}

/** What is assigned to a variable and holds no template, so that it is known before anything runs. */
export function* literalsOf(
  reading: SchemaReading,
): Generator<{ readonly name: string; readonly at: Cursor; readonly value: JsonValue }> {
  for (const { name, value: at } of reading.at.source.assignments) {
    const value = jsonOf(at)
    if (!hasTemplate(value)) yield { name, at, value }
  }
}

/** The names under a key of the block. */
export function namesOf(block: JsonObject, key: string): string[] {
  const named = block[key]
  return isJsonObject(named) ? Object.keys(named) : []
}
