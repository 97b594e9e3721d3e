import { isLosslessNumber, type LosslessNumber, numberText, toJsonNumber } from '../../core/json.js'
import { fail, forbid } from '../faults.js'
import { raiseUndefined } from './undefined.js'
import { Float, typeName, Undefined, type Value } from './values.js'

/** A number in one of its three forms: safe integer or fraction, integer beyond 2^53, float that looks like an integer. */
export type Numeric = number | bigint | Float

const MAX_INTEGER_BITS = 14_000
const MAX_DIGITS = 5000
const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** The number that a value is (booleans count), or null. */
export function toNumeric(value: Value): Numeric | null {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))) {
      return Object.is(value, -0) ? new Float(-0) : value
    }
    return Number.isFinite(value) ? fromDecimal(numberText(value)) : new Float(value)
  }
  if (typeof value === 'bigint' || value instanceof Float) return value
  if (typeof value === 'boolean') return value ? 1 : 0
  return isLosslessNumber(value) ? fromDecimal(value.value) : null
}

function fromDecimal(text: string): Numeric {
  if (text.length > MAX_DIGITS) return forbid(`a number of more than ${MAX_DIGITS} digits cannot be computed with`)
  return /^-?\d+$/.test(text) ? integer(BigInt(text)) : float(Number(text))
}

/** The number that a value is. Anything else ends the evaluation. */
export function requireNumeric(value: Value, what: string): Numeric {
  const number = toNumeric(value)
  if (number !== null) return number
  if (value instanceof Undefined) raiseUndefined(value)
  return fail(`${what}: a number is needed, not ${typeName(value)}`)
}

/** A safe integer from a value; floats are refused as in Python. */
export function requireInteger(value: Value, what: string): number {
  const number = requireNumeric(value, what)
  if (typeof number === 'number' && Number.isInteger(number)) return number
  if (typeof number === 'bigint') return number > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
  return fail(`${what}: an integer is needed, not a float`)
}

export function integer(value: bigint): number | bigint {
  return value >= -SAFE && value <= SAFE ? Number(value) : value
}

export function float(value: number): number | Float {
  return Number.isInteger(value) || !Number.isFinite(value) ? new Float(value) : value
}

export function isFloat(value: Numeric): boolean {
  return value instanceof Float || (typeof value === 'number' && !Number.isInteger(value))
}

export function toDouble(value: Numeric): number {
  return value instanceof Float ? value.value : Number(value)
}

/** A number as JSON: exact where it is an integer. Floats that JSON cannot hold end the evaluation. */
export function numericToJson(value: Numeric): number | LosslessNumber {
  if (typeof value === 'bigint') return toJsonNumber(String(value))
  const double = toDouble(value)
  if (!Number.isFinite(double)) return fail(`the result ${double} is not a JSON number`)
  return Object.is(double, -0) ? 0 : double
}

function bits(value: bigint): number {
  return value.toString(16).length * 4
}

function big(value: Numeric): bigint {
  return BigInt(value instanceof Float ? value.value : value)
}

export type Arithmetic = '+' | '-' | '*' | '/' | '//' | '%' | '**'

/** Python's arithmetic on two numbers: exact on integers, true division, floor division and modulo with the sign of the divisor. */
export function arithmetic(operator: Arithmetic, left: Numeric, right: Numeric): Value {
  if (isFloat(left) || isFloat(right)) return floatArithmetic(operator, finiteDouble(left), finiteDouble(right))
  if (operator === '/') return divide(left, right)
  return integerArithmetic(operator, big(left), big(right))
}

/** Python refuses to compute with an integer beyond the floats as with infinity. */
function finiteDouble(value: Numeric): number {
  const double = toDouble(value)
  return typeof value === 'bigint' && !Number.isFinite(double) ? fail('the integer is too large for a float') : double
}

/** The quotient of long integers, rounded once: 66 bits of it and whether anything follows are enough for a float. */
function divideExactly(left: bigint, right: bigint): number {
  if (left === 0n) return right < 0n ? -0 : 0
  const length = (value: bigint): number => value.toString(2).replace('-', '').length
  const shift = length(right) - length(left) + 66
  const [a, b] = shift > 0 ? [left << BigInt(shift), right] : [left, right << BigInt(-shift)]
  const quotient = a / b
  const rounded = Number(a % b === 0n ? quotient : quotient | 1n)
  return rounded * 2 ** -Math.trunc(shift / 2) * 2 ** -(shift - Math.trunc(shift / 2))
}

function divide(left: Numeric, right: Numeric): Value {
  if (toDouble(right) === 0) return fail('division by zero')
  if (typeof left !== 'bigint' && typeof right !== 'bigint') return float(toDouble(left) / toDouble(right))
  const quotient = divideExactly(big(left), big(right))
  return Number.isFinite(quotient) ? float(quotient) : fail('the result is too large for a float')
}

function integerArithmetic(operator: Exclude<Arithmetic, '/'>, left: bigint, right: bigint): Value {
  switch (operator) {
    case '+':
      return integer(left + right)
    case '-':
      return integer(left - right)
    case '*':
      if (bits(left) + bits(right) > MAX_INTEGER_BITS) return forbid('the integer is too long')
      return integer(left * right)
    case '**':
      return integerPower(left, right)
    default: {
      if (right === 0n) return fail('division by zero')
      const remainder = left % right
      const isAdjusted = remainder !== 0n && remainder < 0n !== right < 0n
      if (operator === '%') return integer(isAdjusted ? remainder + right : remainder)
      return integer(left / right - (isAdjusted ? 1n : 0n))
    }
  }
}

function integerPower(base: bigint, exponent: bigint): Value {
  if (exponent < 0n) {
    if (base === 0n) return fail('division by zero: 0 to a negative power')
    return float(Number(base) ** Number(exponent))
  }
  const isSmall = base >= -1n && base <= 1n
  if (!isSmall && Number(exponent) * (bits(base) - 3) > MAX_INTEGER_BITS) return forbid('the integer is too long')
  return integer(isSmall ? base ** (exponent % 2n === 0n ? (exponent === 0n ? 0n : 2n) : 1n) : base ** exponent)
}

function floatArithmetic(operator: Arithmetic, left: number, right: number): Value {
  switch (operator) {
    case '+':
      return float(left + right)
    case '-':
      return float(left - right)
    case '*':
      return float(left * right)
    case '**':
      if (left === 0 && right < 0) return fail('division by zero: 0 to a negative power')
      return floatPower(left, right)
    default: {
      if (right === 0) return fail('division by zero')
      if (operator === '/') return float(left / right)
      const { quotient, remainder } = floorDivision(left, right)
      return float(operator === '%' ? remainder : quotient)
    }
  }
}

/** As Python rounds it (`_float_div_mod` of its floatobject.c): large quotients differ in the last digits otherwise. */
function floorDivision(left: number, right: number): { readonly quotient: number; readonly remainder: number } {
  let remainder = left % right
  let exact = (left - remainder) / right
  if (remainder === 0) remainder = right < 0 ? -0 : 0
  else if (remainder < 0 !== right < 0) {
    remainder += right
    exact -= 1
  }
  if (exact === 0) return { quotient: Object.is(left / right, -0) || left / right < 0 ? -0 : 0, remainder }
  const floor = Math.floor(exact)
  return { quotient: exact - floor > 0.5 ? floor + 1 : floor, remainder }
}

function floatPower(left: number, right: number): Value {
  const result = left ** right
  if (Number.isNaN(result) && !Number.isNaN(left) && !Number.isNaN(right))
    return fail('the root of a negative number is not a number')
  const isOverflow = !Number.isFinite(result) && Number.isFinite(left) && Number.isFinite(right)
  return isOverflow ? fail('the result is too large for a float') : float(result)
}

/** Less than zero, zero or more than zero; NaN compares as different from everything. */
export function compareNumeric(left: Numeric, right: Numeric): number {
  if (typeof left === 'bigint' && typeof right === 'bigint') return left < right ? -1 : left > right ? 1 : 0
  const a = left instanceof Float ? left.value : left
  const b = right instanceof Float ? right.value : right
  if (a < b) return -1
  if (a > b) return 1
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0
}

export function negate(value: Numeric): Value {
  if (value instanceof Float) return new Float(-value.value)
  return typeof value === 'bigint' ? integer(-value) : value === 0 ? 0 : -value
}

export function absolute(value: Numeric): Value {
  if (value instanceof Float) return new Float(Math.abs(value.value))
  return compareNumeric(value, 0) < 0 ? negate(value) : value
}
