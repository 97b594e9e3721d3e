import { storableValue } from '../commit/record.js'
import { TransientError } from '../core/errors.js'
import type { JsonFilter, StringFilter, VariableFilter } from '../core/filter.js'
import { checkListed, MAX_LISTED } from '../core/filter.js'
import { parseExecutionId } from '../core/ids.js'
import { isJsonNumber, isJsonObject, type JsonValue, numberText, stringifyJson } from '../core/json.js'
import { isStorableText } from '../core/text.js'
import type { SqlParameter } from '../db/database.js'
import { indexedEquality, NOTHING_SEARCHABLE, type Searchable } from './searchable.js'

export interface SqlCondition {
  readonly sql: string
  readonly parameters: SqlParameter[]
  /** Whether an index leads to what matches. */
  readonly isIndexed: boolean
}

/** Gives the placeholder of a further parameter. */
type Bind = (parameter: SqlParameter) => string

/** What PostgreSQL reads as an index into a list, and what RFC 6901 does. */
const LOOSE_INDEX = /^\s*[+-]?\d+$/
const EXACT_INDEX = /^(0|[1-9]\d*)$/
/** Keys of a pointer: each costs a look into every value. */
const MAX_POINTER_KEYS = 100
const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * A condition on the alias `t` with the columns of `noetl.transient`. Everything from outside is bound, never spliced.
 * `nextParameter` is the number of the first placeholder that is free.
 * @throws TransientError VALIDATION for a path that is not a JSON pointer, text that cannot be stored, or a list that is too long
 */
export function variableFilterSql(
  filter: VariableFilter,
  nextParameter: number,
  searchable: Searchable = NOTHING_SEARCHABLE,
): SqlCondition {
  const parameters: SqlParameter[] = []
  const bind: Bind = (parameter) => `$${nextParameter + parameters.push(parameter) - 1}`
  const { name, indexed } = indexedName(filter, searchable)
  const conditions = [
    ...stringConditions(name, { column: 't.var_name', field: 'filter.name', bind }),
    ...stringConditions(filter.sourceStep, { column: 't.source_step', field: 'filter.sourceStep', bind }),
    ...jsonConditions(filter.value, { bind, indexed }),
  ]
  checkListed(filter.type, 'filter.type')
  if (filter.type) conditions.push(`t.var_type = ANY(${bind(filter.type)}::text[])`)
  if (filter.executionId) {
    conditions.push(`t.execution_id = ${bind(parseExecutionId(filter.executionId, 'filter.executionId'))}::bigint`)
  }
  return { sql: conditions.length > 0 ? `(${conditions.join(' AND ')})` : 'TRUE', parameters, isIndexed: indexed !== null }
}

/** The name whose index leads to the value, where there is one, and what else the filter says of names. */
function indexedName({ name, value }: VariableFilter, searchable: Searchable) {
  const isWhole = value?.eq !== undefined && !value.path
  if (!isWhole || typeof name?.eq !== 'string' || !searchable.has(name.eq)) return { name, indexed: null }
  return { name: { ...name, eq: null }, indexed: name.eq }
}

function checkText(text: string, field: string): string {
  if (isStorableText(text)) return text
  throw new TransientError('VALIDATION', `${field}: holds a character that no text here has (NUL or half a surrogate pair)`, {
    details: { field },
  })
}

interface StringTarget {
  readonly column: string
  readonly field: string
  readonly bind: Bind
}

function stringConditions(filter: StringFilter | null | undefined, { column, field, bind }: StringTarget): string[] {
  if (!filter) return []
  const text = (value: string) => bind(checkText(value, field))
  const conditions: string[] = []
  if (typeof filter.eq === 'string') conditions.push(`${column} = ${text(filter.eq)}::text`)
  checkListed(filter.in, `${field}.in`)
  if (filter.in) conditions.push(`${column} = ANY(${bind(filter.in.map((value) => checkText(value, field)))}::text[])`)
  if (typeof filter.startsWith === 'string') conditions.push(`starts_with(${column}, ${text(filter.startsWith)}::text)`)
  if (typeof filter.contains === 'string') conditions.push(`strpos(${column}, ${text(filter.contains)}::text) > 0`)
  return conditions
}

interface JsonParts {
  readonly bind: Bind
  /** The name whose index has the whole value. */
  readonly indexed: string | null
}

function jsonConditions(filter: JsonFilter | null | undefined, { bind, indexed }: JsonParts): string[] {
  if (!filter) return []
  const json = (value: JsonValue) => `${bind(stringifyJson(storableValue(value, 'filter.value')))}::jsonb`
  const path = pointerPath(filter.path ?? '')
  const conditions: string[] = []
  // Made at its first use: a path that is bound, but stands in no condition, would have no type.
  let made: string | null = null
  const target = () => {
    made ??= targetSql(path, bind)
    return made
  }
  if (filter.eq !== undefined) {
    const value = json(filter.eq)
    conditions.push(indexed === null ? `${target()} = ${value}` : indexedEquality(indexed, value))
  }
  for (const [key, operator] of Object.entries(COMPARISONS)) {
    const operand = filter[key as keyof typeof COMPARISONS]
    if (operand !== undefined) conditions.push(comparison({ target, operator, operand, bind }))
  }
  if (filter.contains !== undefined) {
    checkContained(filter.contains)
    conditions.push(`${target()} @> ${json(filter.contains)}`)
  }
  if (typeof filter.exists === 'boolean') conditions.push(`${target()} IS ${filter.exists ? 'NOT ' : ''}NULL`)
  // What a sensitive value is like must not be found out by asking.
  return conditions.length === 0 ? [] : ['t.sealed IS NULL', ...conditions]
}

/** PostgreSQL looks for each part in every part of a stored list, and nothing stops it within a row. */
function checkContained(value: JsonValue): void {
  const parts = [value]
  for (const part of parts) {
    if (Array.isArray(part)) parts.push(...part.slice(0, MAX_LISTED + 1))
    else if (isJsonObject(part)) parts.push(...Object.values(part).slice(0, MAX_LISTED + 1))
    if (parts.length > MAX_LISTED) {
      throw new TransientError('VALIDATION', `filter.value.contains: holds more than ${MAX_LISTED} values`, {
        details: { field: 'filter.value.contains', limit: MAX_LISTED },
      })
    }
  }
}

/** What the path leads to; without one the column itself, so that the common case needs no extraction. */
function targetSql(path: readonly string[], bind: Bind): string {
  if (path.length === 0) return 't.var_value'
  const target = `(t.var_value #> ${bind([...path])}::text[])`
  // "#>" takes "-1", "+1" and "00" for indexes into a list; a JSON pointer takes them for keys of an object only.
  const conditions = path.flatMap((key, index) => {
    if (!LOOSE_INDEX.test(key) || EXACT_INDEX.test(key)) return []
    const before = index === 0 ? 't.var_value' : `(t.var_value #> ${bind(path.slice(0, index))}::text[])`
    return [`jsonb_typeof(${before}) = 'object'`]
  })
  return conditions.length === 0 ? target : `(CASE WHEN ${conditions.join(' AND ')} THEN ${target} END)`
}

interface Comparison {
  readonly target: () => string
  readonly operator: string
  readonly operand: JsonValue
  readonly bind: Bind
}

/** Numbers compare with numbers, texts with texts (by code point); anything else never matches. */
function comparison({ target, operator, operand, bind }: Comparison): string {
  const checked = storableValue(operand, 'filter.value')
  if (isJsonNumber(checked)) {
    const right = `${bind(numberText(checked))}::numeric`
    return `CASE WHEN jsonb_typeof(${target()}) = 'number' THEN (${target()} #>> '{}')::numeric ${operator} ${right} ELSE FALSE END`
  }
  if (typeof checked === 'string') {
    const right = `${bind(checked)}::text`
    return `CASE WHEN jsonb_typeof(${target()}) = 'string' THEN (${target()} #>> '{}') COLLATE "C" ${operator} ${right} ELSE FALSE END`
  }
  return 'FALSE'
}

/** The keys of a JSON pointer (RFC 6901). */
function pointerPath(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw new TransientError(
      'VALIDATION',
      `filter.value.path: "${pointer.slice(0, 40)}" is not a JSON pointer such as /user/name`,
      {
        details: { field: 'filter.value.path' },
      },
    )
  }
  const keys = checkText(pointer, 'filter.value.path').slice(1).split('/')
  checkListed(keys, 'filter.value.path', MAX_POINTER_KEYS)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}
