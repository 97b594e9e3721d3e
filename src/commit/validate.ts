import { TransientError } from '../core/errors.js'
import {
  canonicalNumber,
  isJsonNumber,
  isLosslessNumber,
  type JsonObject,
  type JsonValue,
  type LosslessNumber,
  toJsonNumber,
} from '../core/json.js'
import { isStorableText } from '../core/text.js'

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,254}$/
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
  return NAME.test(name) && !FORBIDDEN.has(name)
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
