import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import {
  canonicalNumber,
  isJsonNumber,
  isLosslessNumber,
  type JsonObject,
  type JsonValue,
  type LosslessNumber,
  parseJson,
  toJsonNumber,
} from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'
import { isIdentifier, isStorableText } from '../core/text.js'

/** One text for a variable of an execution, for maps. */
export function keyOf(executionId: ExecutionId, name: string): string {
  return `${executionId}/${name}`
}

/** One row of `noetl.transient`. */
export interface VariableRecord {
  readonly executionId: ExecutionId
  readonly name: string
  /** The mask where it is sensitive. */
  readonly value: JsonValue
  /** The sensitive value, encrypted; null where it is not sensitive. */
  readonly sealed: string | null
  readonly type: VariableType
  readonly sourceStep: string | null
  /** The execution's revision at which it last changed. */
  readonly revision: number
  /** Its own change counter from 1; goes on after delete and re-creation. */
  readonly version: number
  readonly accessCount: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly accessedAt: Date
  /** `past`: as it was set at `revision`; `revealed`: with its sensitive value. Left out: as it is, and as everybody sees it. */
  readonly view?: 'past' | 'revealed'
}

/** One row of `noetl.transient_history`. */
export interface ChangeRecord {
  readonly executionId: ExecutionId
  readonly revision: number
  readonly seq: number
  readonly name: string
  readonly operation: ChangeOperation
  /** null when deleted. */
  readonly value: JsonValue
  readonly previousValue: JsonValue
  /** As in the variable; of a deletion, which hides nothing, the empty text. */
  readonly sealed: string | null
  readonly type: VariableType
  readonly sourceStep: string | null
  /** The variable's version after this change. */
  readonly version: number
  /** `step:<name>`, `api:<key name>` or `system`. */
  readonly actor: string
  readonly changedAt: Date
}

/** All changes of one revision. */
export interface ChangeSetRecord {
  readonly revision: number
  readonly changes: readonly ChangeRecord[]
}

/** One write to one variable, inside a change set. */
export type VariableWrite =
  | {
      readonly operation: 'set'
      readonly name: string
      readonly value: JsonValue
      readonly type: VariableType
      /** Left out: as sensitive as it is. Once sensitive, it stays so until it is deleted. */
      readonly isSensitive?: boolean | undefined
      readonly sourceStep: string | null
      readonly expectedVersion?: number | undefined
      /** Seconds until it is deleted, unless it is written anew before. */
      readonly ttl?: number | undefined
    }
  | {
      readonly operation: 'increment'
      readonly name: string
      /** Decimal text. */
      readonly by: string
      readonly sourceStep: string | null
    }
  | {
      /** To a list; to an empty one where it is not there. */
      readonly operation: 'append'
      readonly name: string
      readonly value: JsonValue
      readonly isSensitive?: boolean | undefined
      readonly sourceStep: string | null
    }
  | { readonly operation: 'delete'; readonly name: string; readonly expectedVersion?: number | undefined }

/** One change set: all of it is written, as one revision, or nothing. `space`: the name of the space that the id is of. */
export interface WriteRequest {
  readonly executionId: ExecutionId
  readonly writes: readonly VariableWrite[]
  /** `api:<key name>`, `step:<name>` or `system`. */
  readonly actor: string
  readonly space?: string
}

/** What every write answers: the execution's revision after it, and what became of each write, in order. */
export interface WriteResult {
  readonly revision: number
  readonly outcomes: readonly WriteOutcome[]
}

export interface WriteOutcome {
  readonly name: string
  /** The variable after the write; null after a delete. */
  readonly variable: VariableRecord | null
  /** false when nothing was written: value, type and source step were already so, or there was nothing to delete. */
  readonly isChanged: boolean
}

export interface VariableRow {
  readonly execution_id: bigint
  readonly var_name: string
  readonly var_type: VariableType
  readonly value: string
  readonly sealed: string | null
  readonly source_step: string | null
  readonly revision: bigint
  readonly version: number
  readonly access_count: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly accessed_at: Date
}

/** Of the alias `t`; the value as text, because Prisma's Json loses digits. */
export const VARIABLE_COLUMNS = `t.execution_id, t.var_name, t.var_type, t.var_value::text AS value, t.sealed, t.source_step, t.revision,
  t.version, t.access_count, t.created_at, t.updated_at, t.accessed_at`

/**
 * The condition for one row of the alias `t`, with its order and limit. Written so that only the primary key gives that order: with `=` the
 * planner may take the index on `execution_id` alone, while it knows nothing of the table, and read all variables of the execution.
 */
export function isVariable(executionId: string, name: string): string {
  return `t.execution_id = ${executionId} AND t.var_name >= ${name} AND t.var_name <= ${name} ORDER BY t.var_name LIMIT 1`
}

export function toVariable(row: VariableRow): VariableRecord {
  return {
    executionId: String(row.execution_id),
    name: row.var_name,
    value: parseJson(row.value),
    sealed: row.sealed,
    type: row.var_type,
    sourceStep: row.source_step,
    revision: Number(row.revision),
    version: row.version,
    accessCount: row.access_count,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    accessedAt: row.accessed_at,
  }
}

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
const MAX_DIGITS = 1_000
const BEYOND_DOUBLE = "a number's exponent is beyond those of a double (up to 1.7976931348623157e308, down to 5e-324)"
/** In bytes: its index takes no more. */
const MAX_SOURCE_STEP = 1_000
/** Deep enough for any document; shallow enough for the recursion of every parser on the way. */
const MAX_NESTING = 500

function invalid(field: string, problem: string): TransientError {
  return new TransientError('VALIDATION', `${field}: ${problem}`, { details: { field } })
}

/** Whether a variable may have this name. */
function isVariableName(name: string): boolean {
  return isIdentifier(name) && !FORBIDDEN.has(name)
}

/** @throws TransientError VALIDATION, naming the field */
export function checkVariableName(name: string, field = 'name'): void {
  if (isVariableName(name)) return
  const shown = JSON.stringify(name.slice(0, 40))
  throw invalid(
    field,
    FORBIDDEN.has(name)
      ? `${shown} is a reserved word of the language; choose another name`
      : `${shown} is not a variable name: a letter or underscore, then up to 254 letters, digits, "_" or "-"`,
  )
}

/** @throws TransientError VALIDATION when the text holds a NUL or half a surrogate pair, or is over 1,000 bytes */
export function checkSourceStep(sourceStep: string | null, field = 'sourceStep'): void {
  if (sourceStep === null) return
  if (Buffer.byteLength(sourceStep) > MAX_SOURCE_STEP) throw invalid(field, `longer than ${MAX_SOURCE_STEP} bytes`)
  if (!isStorableText(sourceStep)) throw invalid(field, 'holds a character that cannot be stored (NUL or half a surrogate pair)')
}

/**
 * A revision or a version from outside.
 * @throws TransientError VALIDATION when it is negative or no integer
 */
export function checkCounter(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(field, `${value} is not a whole number from 0 on`)
}

/**
 * The canonical form of a decimal text: as `jsonb` would print it.
 * @throws TransientError VALIDATION when it is not a number, has over 1,000 digits, or an exponent that no double holds
 */
export function storableNumber(text: string, field = 'value'): number | LosslessNumber {
  const canonical = canonicalNumber(text)
  if (/[eE]/.test(canonical)) throw invalid(field, BEYOND_DOUBLE)
  if (!/^-?\d+(?:\.\d+)?$/.test(canonical)) throw invalid(field, `${JSON.stringify(text.slice(0, 40))} is not a JSON number`)
  const digits = canonical.replace(/[-.]/g, '').length
  if (digits > MAX_DIGITS) throw invalid(field, `a number has ${digits} digits written out, the limit is ${MAX_DIGITS}`)
  return toJsonNumber(canonical)
}

function storableNumeric(value: number | LosslessNumber, field: string): number | LosslessNumber {
  if (Number.isSafeInteger(value)) return value
  if (!isLosslessNumber(value) && !Number.isFinite(value)) throw invalid(field, `${value} is not a JSON number`)
  return storableNumber(isLosslessNumber(value) ? value.value : String(value), field)
}

function storableObject(value: JsonObject, field: string, depth: number): JsonObject {
  const prototype: unknown = Object.getPrototypeOf(value)
  // A parser that assigns keys turns the key __proto__ into a prototype instead of refusing it.
  if (prototype !== null && prototype !== Object.prototype) throw invalid(field, 'the key "__proto__" is not allowed')
  const result: JsonObject = {}
  for (const key of Object.keys(value)) {
    if (FORBIDDEN.has(key)) throw invalid(field, `the key "${key}" is not allowed`)
    if (!isStorableText(key)) throw invalid(field, 'a key holds a character that cannot be stored (NUL or half a surrogate pair)')
    result[key] = storable(value[key] as JsonValue, field, depth + 1)
  }
  return result
}

function storable(value: JsonValue, field: string, depth: number): JsonValue {
  if (depth > MAX_NESTING) throw invalid(field, `nested more than ${MAX_NESTING} levels deep`)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (isStorableText(value)) return value
    throw invalid(field, 'a text holds a character that cannot be stored (NUL or half a surrogate pair)')
  }
  if (isJsonNumber(value)) return storableNumeric(value, field)
  if (Array.isArray(value)) return value.map((item) => storable(item, field, depth + 1))
  if (typeof value === 'object') return storableObject(value, field, depth)
  throw invalid(field, 'not a JSON value')
}

/**
 * The value as the database will give it back: numbers canonical, everything else as it is.
 * @throws TransientError VALIDATION when it holds what cannot be stored or must not be
 */
export function storableValue(value: JsonValue, field = 'value'): JsonValue {
  return storable(value, field, 0)
}

/** What one execution may hold. Sizes are UTF-8 lengths of compact JSON. */
export interface VariableLimits {
  readonly valueBytes: number
  readonly executionBytes: number
  readonly variableCount: number
}

export const VARIABLE_LIMITS: VariableLimits = {
  valueBytes: 256 * 1024,
  executionBytes: 10 * 1024 * 1024,
  variableCount: 10_000,
}

interface Excess {
  readonly what: string
  readonly limit: number
  /** null: of a sensitive value even that is not told. */
  readonly size: number | null
  readonly unit: string
  readonly variable: string
}

/** The error for anything over a limit: names the limit, the size and the variable. */
export function tooLarge({ what, limit, size, unit, variable }: Excess): TransientError {
  if (size === null) {
    const message = `${variable}: ${what} would have more ${unit} than the limit, ${limit}`
    return new TransientError('TOO_LARGE', message, { details: { limit, variable } })
  }
  return new TransientError('TOO_LARGE', `${variable}: ${what} would have ${size} ${unit}, the limit is ${limit}`, {
    details: { limit, size, variable },
  })
}
