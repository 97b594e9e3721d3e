import { isLosslessNumber } from '../../core/json.js'
import { fail } from '../faults.js'
import { chargeSteps, deeper, type Run } from '../run.js'
import { iterate, lengthOf, listItems, mappingEntries, mappingGet, mappingSize } from './access.js'
import { compareNumeric, toNumeric } from './numbers.js'
import { createSearch } from './search.js'
import { compareStrings } from './strings.js'
import { raiseUndefined } from './undefined.js'
import { Float, isList, isMapping, Namespace, Sequence, typeName, Undefined, unwrap, type Value } from './values.js'

/** Python's truth: empty, zero, none and undefined are false. */
export function isTrue(run: Run, value: Value): boolean {
  if (typeof value === 'boolean') return value
  if (value === null || value === '') return false
  if (typeof value === 'string') return true
  if (typeof value === 'number') return value !== 0
  if (typeof value === 'bigint') return value !== 0n
  if (value instanceof Float) return value.value !== 0
  if (isLosslessNumber(value)) return Number(value.value) !== 0
  if (value instanceof Undefined) return false
  const length = lengthOf(run, value)
  return length === null || length > 0
}

/** Python's `==`. Lists and objects are compared by content, charged for every pair that is looked at. */
export function isEqual(run: Run, leftValue: Value, rightValue: Value): boolean {
  const left = unwrap(leftValue)
  const right = unwrap(rightValue)
  if (typeof left === 'string' || typeof right === 'string') {
    if (typeof left === 'string' && typeof right === 'string') chargeSteps(run, 1 + Math.min(left.length, right.length) / 64)
    return left === right
  }
  if (left === right) return true
  if (left === null || right === null) return false
  chargeSteps(run, 1)
  const a = toNumeric(left)
  const b = toNumeric(right)
  if (a !== null || b !== null) return a !== null && b !== null && compareNumeric(a, b) === 0
  if (left instanceof Undefined) return right instanceof Undefined
  if (isMapping(left)) return isMapping(right) && deeper(run, () => isSameMapping(run, left, right))
  const isSameKind = isList(left)
    ? isList(right)
    : left instanceof Sequence && right instanceof Sequence && left.kind === right.kind
  if (!isSameKind) return false
  chargeSteps(run, 4)
  return deeper(run, () => isSameItems(run, sequence(run, left), sequence(run, right)))
}

function sequence(run: Run, value: Value): readonly Value[] {
  return isList(value) ? listItems(run, value) : value instanceof Sequence ? value.items : []
}

function isSameItems(run: Run, left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((value, index) => isEqual(run, value, right[index] as Value))
}

function isSameMapping(run: Run, left: Value & object, right: Value & object): boolean {
  if (!isMapping(left) || !isMapping(right) || mappingSize(run, left) !== mappingSize(run, right)) return false
  return mappingEntries(run, left).every(([key, value]) => {
    const other = mappingGet(run, right, key)
    return other !== undefined && isEqual(run, value, other)
  })
}

/** Python's order: numbers, texts by code point, lists item by item. Other pairs end the evaluation. */
export function compareValues(run: Run, leftValue: Value, rightValue: Value): number {
  const left = unwrap(leftValue)
  const right = unwrap(rightValue)
  chargeSteps(run, 1)
  if (typeof left === 'string' && typeof right === 'string') {
    chargeSteps(run, Math.min(left.length, right.length) / 64)
    return compareStrings(left, right)
  }
  const a = toNumeric(left)
  const b = toNumeric(right)
  if (a !== null && b !== null) return compareNumeric(a, b)
  if (left instanceof Undefined) return raiseUndefined(left)
  if (right instanceof Undefined) return raiseUndefined(right)
  const isOrdered =
    (isList(left) && isList(right)) ||
    (left instanceof Sequence && right instanceof Sequence && left.kind === 'tuple' && right.kind === 'tuple')
  if (!isOrdered) return fail(`${typeName(left)} and ${typeName(right)} have no order`)
  return deeper(run, () => compareItems(run, sequence(run, left), sequence(run, right)))
}

function compareItems(run: Run, left: readonly Value[], right: readonly Value[]): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index += 1) {
    const a = left[index] as Value
    const b = right[index] as Value
    if (!isEqual(run, a, b)) return compareValues(run, a, b)
  }
  return left.length - right.length
}

/** Python's `in`. */
export function isIn(run: Run, needleValue: Value, haystackValue: Value): boolean {
  const needle = unwrap(needleValue)
  const haystack = unwrap(haystackValue)
  if (typeof haystack === 'string') {
    if (needle instanceof Undefined) return raiseUndefined(needle)
    if (typeof needle !== 'string') return fail(`only a text can be in a text, not ${typeName(needle)}`)
    chargeSteps(run, 1 + (haystack.length + needle.length) / 16)
    return createSearch(needle)(haystack, 0) >= 0
  }
  if (haystack === null || haystack instanceof Namespace)
    return fail(`"in" needs a list, a dict or a text, not ${typeName(haystack)}`)
  if (isMapping(haystack) && needle instanceof Undefined) return false
  if (isMapping(haystack)) return mappingGet(run, haystack, needle) !== undefined
  return iterate(run, haystack).some((value) => isEqual(run, value, needle))
}
