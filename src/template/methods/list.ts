import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeItems, chargeSteps, type Run } from '../run.js'
import { iterate, listItems, mutableList } from '../values/access.js'
import { isEqual } from '../values/compare.js'
import { requireInteger } from '../values/numbers.js'
import { sortValues } from '../values/sorting.js'
import { isList, Sequence, typeName, type Value } from '../values/values.js'

function items(run: Run, subject: Value): readonly Value[] {
  if (isList(subject)) return listItems(run, subject)
  return subject instanceof Sequence ? subject.items : fail(`a list is needed, not ${typeName(subject)}`)
}

function mutable(run: Run, subject: Value): Value[] {
  return isList(subject) ? mutableList(run, subject) : fail(`a list is needed, not ${typeName(subject)}`)
}

function indexOf(run: Run, subject: Value, value: Value): number {
  const index = items(run, subject).findIndex((item) => isEqual(run, item, value))
  return index < 0 ? fail('the value is not in the list') : index
}

/** Methods of tuples, ranges and dict views. */
export const tupleMethods: OperationTable = {
  index: operation(['value'], (run, subject, value) => indexOf(run, subject, value as Value)),
  count: operation(
    ['value'],
    (run, subject, value) => items(run, subject).filter((item) => isEqual(run, item, value as Value)).length,
  ),
}

/** Methods of lists. One that changes a list of the context changes a copy, which only this evaluation sees. */
export const listMethods: OperationTable = {
  ...tupleMethods,
  copy: operation([], (run, subject) => {
    chargeItems(run, items(run, subject).length)
    return [...items(run, subject)]
  }),
  append: operation(['value'], (run, subject, value) => {
    chargeItems(run, 1)
    mutable(run, subject).push(value as Value)
    return null
  }),
  extend: operation(['values'], (run, subject, values) => {
    const added = iterate(run, values as Value)
    chargeItems(run, added.length)
    const list = mutable(run, subject)
    for (const value of [...added]) list.push(value)
    return null
  }),
  insert: operation(['index', 'value'], (run, subject, index, value) => {
    chargeItems(run, items(run, subject).length / 8 + 1)
    mutable(run, subject).splice(requireInteger(index as Value, 'insert'), 0, value as Value)
    return null
  }),
  pop: operation(['index?'], (run, subject, index) => {
    const list = mutable(run, subject)
    const at = index === undefined ? -1 : requireInteger(index, 'pop')
    if (list.at(at) === undefined) return fail('pop: there is nothing at that place')
    chargeItems(run, list.length / 8)
    return list.splice(at, 1)[0] as Value
  }),
  remove: operation(['value'], (run, subject, value) => {
    const list = mutable(run, subject)
    chargeSteps(run, list.length / 64)
    list.splice(indexOf(run, subject, value as Value), 1)
    return null
  }),
  clear: operation([], (run, subject) => {
    mutable(run, subject).length = 0
    return null
  }),
  reverse: operation([], (run, subject) => {
    chargeItems(run, items(run, subject).length)
    mutable(run, subject).reverse()
    return null
  }),
  sort: operation(['reverse?'], (run, subject, reverse) => {
    const list = mutable(run, subject)
    list.splice(0, list.length, ...sortValues(run, list, { isReversed: reverse === true }))
    return null
  }),
}
