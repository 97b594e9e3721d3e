import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json'

/**
 * Any JSON value. A number is a JavaScript `number` when its canonical text survives the round trip, and a
 * `LosslessNumber` (its digits as text) otherwise: long integers, long decimals, and decimals with trailing zeros.
 */
export type JsonValue = null | boolean | number | string | LosslessNumber | JsonValue[] | JsonObject
export interface JsonObject {
  [key: string]: JsonValue
}

export { isLosslessNumber, LosslessNumber }

/** Of a zero: more would be digits only. */
const MAX_ZEROS = 1000
/** What `JSON.parse` would damage or print otherwise: 16 or more digits, exponents, zeros that end or begin a fraction, `-0`. */
const NEEDS_LOSSLESS = /\d[\d.]{15}|\d[eE]|\.\d*0(?!\d)|\.0{6}|-0/

/** The key itself, or an escape that could spell it. */
const MAY_NAME_PROTOTYPE = /__proto__|\\u00/i

/**
 * Parses JSON text without losing a digit; except for text with a key `__proto__`, or so deep that the parser cannot follow: no part of
 * the product accepts those. Of a key that an object has twice the last one counts, as everywhere.
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(text: string): JsonValue {
  if (!NEEDS_LOSSLESS.test(text)) return JSON.parse(text) as JsonValue
  if (MAY_NAME_PROTOTYPE.test(text) && namesPrototype(text)) return JSON.parse(text) as JsonValue
  try {
    return parse(text, null, { parseNumber: toJsonNumber, onDuplicateKey: ({ newValue }) => newValue }) as JsonValue
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text) as JsonValue
    throw error
  }
}

/** An object of a JSON text has a key twice: whoever wrote it meant one of the two. */
export class RepeatedKey extends SyntaxError {
  readonly key: string

  constructor(key: string) {
    super(`the key "${key.slice(0, 80)}" is given twice in one object`)
    this.key = key
  }
}

/**
 * What somebody gave as JSON text: `parseJson` without a choice between equal keys.
 * @throws RepeatedKey, SyntaxError when the text is not JSON
 */
export function parseGivenJson(text: string): JsonValue {
  const value = parseJson(text)
  const key = findRepeatedKey(text)
  if (key !== null) throw new RepeatedKey(key)
  return value
}

const TOKEN = /"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[{}]/g

/** Of valid JSON text. */
function findRepeatedKey(text: string): string | null {
  const objects: Set<string>[] = []
  for (const [token, quoted = '', colon] of text.matchAll(TOKEN)) {
    if (token === '{') objects.push(new Set())
    else if (token === '}') objects.pop()
    else if (colon !== undefined) {
      const key = quoted.includes('\\') ? (JSON.parse(`"${quoted}"`) as string) : quoted
      const keys = objects.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return null
}

/** The lossless parser assigns keys, so that this one would set a prototype instead of being kept, and refused later. */
function namesPrototype(text: string): boolean {
  let isFound = false
  JSON.parse(text, (key, value: unknown) => {
    isFound ||= key === '__proto__'
    return value
  })
  return isFound
}

/** Compact JSON text with every digit kept. */
export function stringifyJson(value: JsonValue): string {
  return stringify(value) ?? 'null'
}

/** A number from its JSON text: `number` where that is exact, else a `LosslessNumber` in canonical form. */
export function toJsonNumber(text: string): number | LosslessNumber {
  const canonical = canonicalNumber(text)
  const number = Number(canonical)
  return String(number) === canonical ? number : new LosslessNumber(canonical)
}

/**
 * The text that PostgreSQL's `jsonb` would print for a number: no exponent, trailing zeros of a fraction kept.
 * A number with an exponent that no double holds (from 1.8e308 on, closer to 0 than 5e-324) is returned as it is: `variables` refuses it.
 */
export function canonicalNumber(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (!match) return text
  const [, sign = '', integer = '', fraction = '', exponentText = '0'] = match
  const digits = integer + fraction
  const isZero = !/[1-9]/.test(digits)
  if (exponentText !== '0' && !(isZero ? Number(exponentText) >= -MAX_ZEROS : isWithinDouble(text))) return text
  const exponent = isZero ? Math.min(Number(exponentText), fraction.length) : Number(exponentText)
  const point = integer.length + exponent
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  const whole = padded.slice(0, at).replace(/^0+(?=\d)/, '')
  const rest = padded.slice(at)
  const plain = rest === '' ? whole : `${whole}.${rest}`
  return isZero ? plain : sign + plain
}

function isWithinDouble(text: string): boolean {
  const double = Number(text)
  return Number.isFinite(double) && double !== 0
}

/** The canonical text of a numeric value. */
export function numberText(value: number | LosslessNumber): string {
  return canonicalNumber(typeof value === 'number' ? String(value) : value.value)
}

export function isJsonNumber(value: unknown): value is number | LosslessNumber {
  return typeof value === 'number' || isLosslessNumber(value)
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value)
}

/** UTF-8 length of the compact JSON text: the size that every limit counts. */
export function jsonSize(value: JsonValue): number {
  return Buffer.byteLength(stringifyJson(value))
}

/** Whether two values have the same JSON text, except for the order of keys. `1` and `1.0` differ. */
export function isSameJson(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true
  if (isJsonNumber(left) || isJsonNumber(right)) {
    return isJsonNumber(left) && isJsonNumber(right) && numberText(left) === numberText(right)
  }
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false
    return left.every((item, index) => isSameJson(item, right[index] as JsonValue))
  }
  if (!isJsonObject(left) || !isJsonObject(right)) return false
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && isSameJson(left[key] as JsonValue, right[key] as JsonValue))
}

/**
 * The value as `jsonb` gives it back: numbers canonical, keys by length and then by bytes. What is read without having been
 * stored yet looks the same as what was.
 */
export function asStored(value: JsonValue): JsonValue {
  if (isJsonNumber(value)) return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : toJsonNumber(numberText(value))
  if (Array.isArray(value)) return value.map(asStored)
  if (!isJsonObject(value)) return value
  const entries = Object.entries(value).map(([key, item]) => ({ key, bytes: Buffer.from(key), item }))
  entries.sort((left, right) => left.bytes.length - right.bytes.length || Buffer.compare(left.bytes, right.bytes))
  return Object.fromEntries(entries.map(({ key, item }) => [key, asStored(item)]))
}
