import type { JsonValue } from '../core/json.js'
import type { Loop, Operations, VarEntry, VariableOperation } from './model.js'
import { nameFault } from './names.js'
import { countRule } from './numbers.js'
import { NO_OPERATIONS } from './operations.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  jsonOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { didYouMean } from './suggest.js'
import { conditionOf, expressionOf, hasTextAround, isTemplate, numberOrTemplate, templatesOf } from './templates.js'

const OPTION_KEYS = ['mode', 'concurrency', 'where', 'order_by', 'limit', 'chunk', 'enumerate', 'fail_fast'] as const

/** What an iterator written with `type: iterator` has beside its task. */
export const ITERATOR_KEYS = ['collection', 'element', ...OPTION_KEYS] as const

const LOOP_KEYS = ['in', 'collection', 'iterator', 'element', ...OPTION_KEYS] as const
const DEFAULT_CONCURRENCY = 8

/** Reads `loop: {in, iterator, mode}` or `loop: {collection, element, mode}`; `taskLocals`: the step's `let`, which is that of each iteration. */
export function readLoopField(field: Field, taskLocals: readonly VarEntry[]): Loop | null {
  if (kindOf(field.value) !== 'mapping') {
    report(
      field.value,
      `loop must be a mapping, such as {in: "{{ workload.items }}", iterator: item}, not ${describeKind(field.value)}`,
    )
    return null
  }
  const fields = fieldsOf(field.value)
  checkKeys(fields, { known: LOOP_KEYS, of: 'loop' })
  return readLoop({ fields, at: field.value, of: 'loop', taskLocals, taskVars: [], taskOperations: NO_OPERATIONS })
}

/** The name of the current element of a `loop`, as it is written; null where there is none. */
export function elementOfLoop(field: Field): string | null {
  const fields = fieldsOf(field.value)
  const named = given(fields, 'iterator') ?? given(fields, 'element')
  return named ? textOf(named.value) : null
}

export interface LoopRequest {
  readonly fields: Fields
  /** Where something missing is reported. */
  readonly at: Cursor
  readonly of: 'loop' | 'an iterator'
  readonly taskLocals: readonly VarEntry[]
  readonly taskVars: readonly VarEntry[]
  readonly taskOperations: Operations<VariableOperation>
}

/** Reads the collection, the element and the options of an iterator. */
export function readLoop({ fields, at, of, ...task }: LoopRequest): Loop | null {
  const names = of === 'loop' ? { collection: ['in', 'collection'], element: ['iterator', 'element'] } : null
  const collectionField = pick(fields, names?.collection ?? ['collection'])
  const elementField = pick(fields, names?.element ?? ['element'])
  if (!collectionField)
    report(at, `${of} needs "${(names?.collection ?? ['collection']).join('" or "')}": the list, or a template of it`)
  if (!elementField)
    report(at, `${of} needs "${(names?.element ?? ['element']).join('" or "')}": the name of the current element`)
  const mode = readMode(fields.get('mode'))
  const where = given(fields, 'where')
  const loop = {
    collection: collectionField ? readCollection(collectionField.value) : null,
    element: elementField ? readElement(elementField.value) : '',
    mode: mode ?? 'sequential',
    concurrency: readConcurrency(given(fields, 'concurrency'), mode),
    where: where ? conditionOf(where.value, 'where') : null,
    orderBy: readOrderBy(given(fields, 'order_by')),
    limit: readCount(given(fields, 'limit'), 0),
    chunk: readCount(given(fields, 'chunk'), 1),
    isEnumerated: readFlag(given(fields, 'enumerate')),
    isFailFast: readFlag(given(fields, 'fail_fast')),
    ...task,
  }
  return collectionField && elementField ? loop : null
}

function pick(fields: Fields, names: readonly string[]): Field | null {
  const [first, second] = names.flatMap((name) => given(fields, name) ?? [])
  if (first && second) reportKey(second, `"${second.name}" is another name for "${first.name}": give one of them`)
  return first ?? null
}

function readCollection(cursor: Cursor): JsonValue {
  const text = textOf(cursor)
  if (kindOf(cursor) !== 'list' && (text === null || !isTemplate(text))) {
    const found = text === null ? describeKind(cursor) : `the text "${text.slice(0, 60)}"`
    report(cursor, `the collection must be a list, or a template of one such as "{{ workload.items }}", not ${found}`)
  }
  return templatesOf(cursor)
}

function readElement(cursor: Cursor): string {
  const name = textOf(cursor)
  const fault =
    name === null ? `the element is a name, not ${describeKind(cursor)}` : nameFault(name, 'element', cursor.source.isRegistered)
  if (fault) report(cursor, fault)
  return name ?? ''
}

/** null where it cannot be read. */
function readMode(field: Field | undefined): Loop['mode'] | null {
  if (!field) return 'sequential'
  const text = textOf(field.value)
  if (text === 'sequential') return text
  if (text === 'async' || text === 'parallel') return 'async'
  const hint = text === null ? '' : didYouMean(text, ['sequential', 'async', 'parallel'])
  report(field.value, `mode must be sequential, async or parallel${hint}`)
  return null
}

function readConcurrency(field: Field | null, mode: Loop['mode'] | null): JsonValue {
  const value = readCount(field, 1)
  if (mode === 'async') return value ?? DEFAULT_CONCURRENCY
  if (field && value !== 1 && mode !== null) reportKey(field, 'concurrency means nothing without "mode: async"', 'warning')
  return 1
}

function readCount(field: Field | null, least: number): JsonValue | null {
  return field ? numberOrTemplate(field.value, field.name, countRule(least)) : null
}

function readOrderBy(field: Field | null): Loop['orderBy'] {
  if (!field) return null
  const isDescending = textOf(field.value)?.trimStart().startsWith('-') ?? false
  const text = expressionOf(field.value, 'order_by', isDescending ? withoutMinus : undefined)
  if (text === null) return null
  if (hasTextAround(text)) report(field.value, 'order_by has text around its template, so that all is ordered as text', 'warning')
  return { expression: text, isDescending }
}

/** A space replaces the sign, so that columns stay true. */
function withoutMinus(text: string): string {
  return text.replace('-', ' ')
}

function readFlag(field: Field | null): boolean {
  if (!field) return false
  const value = jsonOf(field.value)
  if (typeof value !== 'boolean') report(field.value, `${field.name} must be true or false, not ${describeKind(field.value)}`)
  return value === true
}
