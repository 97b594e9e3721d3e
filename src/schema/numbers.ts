import { Big } from 'big.js'
import { isJsonNumber, isJsonObject, type JsonValue, type LosslessNumber, numberText } from '../core/json.js'

type JsonNumber = number | LosslessNumber

/** Below 0 when `left` is less, 0 when they are equal: by all their digits, however many. */
export function compareNumbers(left: JsonNumber, right: JsonNumber): number {
  // The shortest texts of two doubles stand in the order of the doubles.
  if (typeof left === 'number' && typeof right === 'number') return left - right
  return new Big(numberText(left)).cmp(numberText(right))
}

/** Whether a number has no fraction: 1.0 has none. */
export function isWhole(value: JsonNumber): boolean {
  return typeof value === 'number' ? Number.isInteger(value) : /^-?\d+(?:\.0*)?$/.test(numberText(value))
}

/** Whether dividing by `divisor`, which is above 0, leaves nothing. Exact: 0.3 is a multiple of 0.1. */
export function isMultipleOf(value: JsonNumber, divisor: JsonNumber): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return Number(value) % Number(divisor) === 0
  const [left, right] = [splitDecimal(numberText(value)), splitDecimal(numberText(divisor))]
  const scale = Math.max(left.scale, right.scale)
  return scaled(left, scale) % scaled(right, scale) === 0n
}

interface Decimal {
  readonly digits: string
  /** Digits after the point. */
  readonly scale: number
}

function splitDecimal(text: string): Decimal {
  const [whole = '', fraction = ''] = text.split('.')
  return { digits: whole + fraction, scale: fraction.length }
}

function scaled({ digits, scale }: Decimal, to: number): bigint {
  return BigInt(digits + '0'.repeat(to - scale))
}

/** A text that is the same for values that JSON Schema takes as equal: 1 and 1.0 are, and the order of keys does not count. */
export function equalityText(value: JsonValue): string {
  if (isJsonNumber(value)) return withoutEndingZeros(numberText(value))
  if (Array.isArray(value)) return `[${value.map(equalityText).join(',')}]`
  if (!isJsonObject(value)) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${equalityText(item)}`).join(',')}}`
}

function withoutEndingZeros(text: string): string {
  const plain = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return plain === '-0' ? '0' : plain
}
