import { fail } from '../faults.js'
import { formatPercent } from '../format/percent.js'
import { chargeItems, chargeText, type Run } from '../run.js'
import { listItems } from './access.js'
import { secondsBetween, shiftDate } from './dates.js'
import { type Arithmetic, arithmetic, float, type Numeric, negate, requireNumeric, toDouble, toNumeric } from './numbers.js'
import { repeat } from './strings.js'
import { raiseUndefined } from './undefined.js'
import { isList, Sequence, typeName, Undefined, unwrap, type Value } from './values.js'

/** A binary operator of Python on any two values. */
export function binary(run: Run, operator: Arithmetic, leftValue: Value, rightValue: Value): Value {
  const left = unwrap(leftValue)
  const right = unwrap(rightValue)
  const a = toNumeric(left)
  const b = toNumeric(right)
  if (a !== null && b !== null) return arithmetic(operator, a, b)
  if (left instanceof Undefined) return raiseUndefined(left)
  if (operator === '%' && typeof left === 'string') return formatPercent(run, left, right)
  if (right instanceof Undefined) return raiseUndefined(right)
  const result =
    operator === '+'
      ? add(run, left, right)
      : operator === '-'
        ? subtract(left, right)
        : operator === '*'
          ? multiply(run, left, right)
          : null
  return result ?? fail(`${operator} does not work on ${typeName(left)} and ${typeName(right)}`)
}

function add(run: Run, left: Value, right: Value): Value {
  if (typeof left === 'string') {
    if (typeof right === 'string') {
      chargeText(run, left.length + right.length)
      return left + right
    }
    const seconds = typeof right === 'boolean' ? null : toNumeric(right)
    return seconds === null ? null : shiftDate(left, toDouble(seconds))
  }
  if (isList(left) && isList(right)) return concat(run, listItems(run, left), listItems(run, right))
  if (left instanceof Sequence && right instanceof Sequence && left.kind === 'tuple' && right.kind === 'tuple') {
    return new Sequence('tuple', concat(run, left.items, right.items))
  }
  return null
}

function concat(run: Run, left: readonly Value[], right: readonly Value[]): Value[] {
  chargeItems(run, left.length + right.length)
  return [...left, ...right]
}

function subtract(left: Value, right: Value): Value {
  if (typeof left !== 'string') return null
  if (typeof right === 'string') {
    const seconds = secondsBetween(left, right)
    return seconds === null ? null : float(seconds)
  }
  const seconds = typeof right === 'boolean' ? null : toNumeric(right)
  return seconds === null ? null : shiftDate(left, -toDouble(seconds))
}

function multiply(run: Run, left: Value, right: Value): Value {
  const count = repetitions(toNumeric(left) ?? toNumeric(right))
  const repeated = toNumeric(left) === null ? left : right
  if (count === null) return null
  if (typeof repeated === 'string') return repeat(run, repeated, count)
  if (isList(repeated)) return repeatItems(run, listItems(run, repeated), count)
  if (repeated instanceof Sequence && repeated.kind === 'tuple') {
    return new Sequence('tuple', repeatItems(run, repeated.items, count))
  }
  return null
}

/** Up to what fits Python's index; a count that is beyond a budget need not be exact. */
function repetitions(count: Numeric | null): number | null {
  if (typeof count === 'bigint') return count === BigInt.asIntN(64, count) ? Number(count) : null
  return typeof count === 'number' && Number.isInteger(count) ? count : null
}

function repeatItems(run: Run, items: readonly Value[], count: number): Value[] {
  const times = Math.max(0, count)
  chargeItems(run, items.length * times)
  if (items.length === 0) return []
  return Array.from({ length: items.length * times }, (_, index) => items[index % items.length] as Value)
}

export function negative(value: Value): Value {
  return negate(requireNumeric(unwrap(value), '-'))
}

export function positive(value: Value): Value {
  return requireNumeric(unwrap(value), '+')
}
