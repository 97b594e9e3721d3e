import { findOperation, type Operation, type OperationTable, operation, type Tables } from '../operations.js'
import { chargeScan, type Run } from '../run.js'
import { tryIterate } from '../values/access.js'
import { isInCase } from '../values/case.js'
import { compareValues, isEqual, isIn } from '../values/compare.js'
import { arithmetic, compareNumeric, isFloat, requireNumeric, toNumeric } from '../values/numbers.js'
import { toText } from '../values/text.js'
import { Callable, Instance, isList, isMapping, Sequence, Undefined, type Value } from '../values/values.js'

function is(test: (value: Value, run: Run) => boolean): Operation {
  return operation([], (run, value) => test(value, run))
}

function compared(test: (run: Run, left: Value, right: Value) => boolean): Operation {
  return operation(['other'], (run, value, other) => test(run, value, other as Value))
}

function remainder(
  value: Value,
  divisor: Value,
  { what, expected = 0 }: { readonly what: string; readonly expected?: number },
): boolean {
  return (
    compareNumeric(toNumeric(arithmetic('%', requireNumeric(value, what), requireNumeric(divisor, what))) ?? 0, expected) === 0
  )
}

function isNumber(value: Value): boolean {
  return toNumeric(value) !== null
}

function isInteger(value: Value): boolean {
  const number = typeof value === 'boolean' ? null : toNumeric(value)
  return number !== null && !isFloat(number)
}

function isSequence(value: Value): boolean {
  return typeof value === 'string' || isList(value) || value instanceof Sequence || isMapping(value)
}

function isSame(run: Run, left: Value, right: Value): boolean {
  if (typeof left === 'string' && typeof right === 'string') chargeScan(run, Math.min(left.length, right.length))
  if (left === right) return true
  if (isInteger(left) && isInteger(right)) return compareNumeric(toNumeric(left) ?? 0, toNumeric(right) ?? 0) === 0
  return left instanceof Undefined && right instanceof Undefined
}

const eq = compared(isEqual)
const ne = compared((run, left, right) => !isEqual(run, left, right))
const lt = compared((run, left, right) => compareValues(run, left, right) < 0)
const le = compared((run, left, right) => compareValues(run, left, right) <= 0)
const gt = compared((run, left, right) => compareValues(run, left, right) > 0)
const ge = compared((run, left, right) => compareValues(run, left, right) >= 0)

const plainTests: OperationTable = {
  defined: is((value) => !(value instanceof Undefined)),
  undefined: is((value) => value instanceof Undefined),
  none: is((value) => value === null),
  boolean: is((value) => typeof value === 'boolean'),
  true: is((value) => value === true),
  false: is((value) => value === false),
  number: is(isNumber),
  integer: is(isInteger),
  float: is((value) => {
    const number = toNumeric(value)
    return number !== null && isFloat(number)
  }),
  string: is((value) => typeof value === 'string'),
  mapping: is(isMapping),
  sequence: is((value) => isSequence(value) || value instanceof Undefined),
  iterable: is((value, run) => typeof value === 'string' || tryIterate(run, value) !== null),
  callable: is((value) => value instanceof Callable || (value instanceof Instance && value.self !== null)),
  escaped: is(() => false),
  odd: is((value) => remainder(value, 2, { what: 'odd', expected: 1 })),
  even: is((value) => remainder(value, 2, { what: 'even' })),
  divisibleby: operation(['num'], (_, value, divisor) => remainder(value, divisor as Value, { what: 'divisibleby' })),
  lower: is((value, run) => isInCase(run, toText(run, value), 'lower')),
  upper: is((value, run) => isInCase(run, toText(run, value), 'upper')),
  sameas: compared(isSame),
  in: compared(isIn),
  eq,
  equalto: eq,
  '==': eq,
  ne,
  '!=': ne,
  lt,
  lessthan: lt,
  '<': lt,
  le,
  '<=': le,
  gt,
  greaterthan: gt,
  '>': gt,
  ge,
  '>=': ge,
}

/** Every test by name, as in Jinja2. */
export function createTests(tables: () => Tables): OperationTable {
  return {
    ...plainTests,
    filter: is((value) => typeof value === 'string' && findOperation(tables().filters, value) !== undefined),
    test: is((value) => typeof value === 'string' && findOperation(tables().tests, value) !== undefined),
  }
}
