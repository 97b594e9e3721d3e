import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeScan, type Run } from '../run.js'
import { absolute, float, integer, isFloat, requireInteger, requireNumeric, toDouble, toNumeric } from '../values/numbers.js'
import { parseFloatText, parseIntegerText } from '../values/parsing.js'
import { raiseUndefined } from '../values/undefined.js'
import { Float, Undefined, type Value } from '../values/values.js'

const ROUNDING = ['common', 'ceil', 'floor'] as const

function toInteger(run: Run, value: Value, { fallback, base }: { readonly fallback: Value; readonly base: number }): Value {
  if (value instanceof Undefined) return raiseUndefined(value)
  if (typeof value === 'string') {
    chargeScan(run, value.length)
    const parsed = parseIntegerText(value, base)
    if (parsed !== null) return parsed
    const number = parseFloatText(value)
    return number === null || !Number.isFinite(number) ? fallback : integer(BigInt(Math.trunc(number)))
  }
  const number = toNumeric(value)
  if (number === null) return fallback
  if (!isFloat(number)) return number
  const double = toDouble(number)
  return Number.isFinite(double) ? integer(BigInt(Math.trunc(double))) : fallback
}

function toFloat(run: Run, value: Value, fallback: Value): Value {
  if (value instanceof Undefined) return raiseUndefined(value)
  if (typeof value === 'string') {
    chargeScan(run, value.length)
    const number = parseFloatText(value)
    return number === null ? fallback : float(number)
  }
  const number = toNumeric(value)
  return number === null ? fallback : float(toDouble(number))
}

function round(_: Run, value: Value, precisionValue?: Value, methodValue?: Value): Value {
  const number = requireNumeric(value, 'round')
  const precision = precisionValue === undefined ? 0 : requireInteger(precisionValue, 'round')
  const method =
    ROUNDING.find((name) => name === (methodValue ?? 'common')) ?? fail('round: the method is "common", "ceil" or "floor"')
  if (method === 'common' && (precision > 300 || (!isFloat(number) && precision >= 0))) return number
  if (method === 'common' && precision < -300) return isFloat(number) ? float(0 * toDouble(number)) : 0
  if (Math.abs(precision) > 300) return fail('round: the precision is out of bounds')
  const double = toDouble(number)
  if (method === 'common') {
    const rounded = roundHalfEven(double, precision)
    return isFloat(number) ? float(rounded) : integer(BigInt(Math.round(rounded)))
  }
  const scale = 10 ** precision
  // Python's ceil and floor give integers, which have no negative zero.
  return float(((method === 'ceil' ? Math.ceil(double * scale) : Math.floor(double * scale)) + 0) / scale)
}

/** Rounds the exact binary value; where it lies in the middle, to the even digit. */
function roundHalfEven(value: number, precision: number): number {
  if (!Number.isFinite(value) || value === 0) return value
  if (precision < 0) {
    const scale = 10 ** -precision
    return evenInteger(value / scale) * scale || value * 0
  }
  if (precision === 0) return evenInteger(value) || value * 0
  if (precision > 100 || Math.abs(value) >= 1e21) return value
  const fixed = Number(value.toFixed(precision))
  const isTie = Math.abs(value) < 2 ** 52 && isExactHalf(value, precision)
  return isTie ? evenInteger(value * 10 ** precision) / 10 ** precision : fixed
}

/** Only fractions of a power of two can lie exactly in the middle of two decimals. */
function isExactHalf(value: number, precision: number): boolean {
  const text = Math.abs(value).toFixed(Math.min(100, precision + 30))
  const fraction = text.split('.')[1] ?? ''
  return /^50*$/.test(fraction.slice(precision))
}

function evenInteger(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Filters on numbers. */
export const numberFilters: OperationTable = {
  abs: operation([], (_, value) => absolute(requireNumeric(value, 'abs'))),
  int: operation(['default?', 'base?'], (run, value, fallback, base) =>
    toInteger(run, value, {
      fallback: fallback === undefined ? 0 : fallback,
      base: base === undefined ? 10 : requireInteger(base, 'int'),
    }),
  ),
  float: operation(['default?'], (run, value, fallback) => toFloat(run, value, fallback === undefined ? new Float(0) : fallback)),
  round: operation(['precision?', 'method?'], round),
}
