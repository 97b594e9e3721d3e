import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeItems, type Run } from '../run.js'
import { item, itemTuples, iterate } from '../values/access.js'
import { attributeGetter } from '../values/attributes.js'
import { isEqual, isTrue } from '../values/compare.js'
import { ignoreCase, sortValues } from '../values/sorting.js'
import { isMapping, Sequence, typeName, Undefined, type Value } from '../values/values.js'

type Given = Value | undefined

function dictsort(run: Run, value: Value, args: readonly Given[]): Value {
  const [isCaseSensitive, by, reverse] = args
  if (!isMapping(value)) return fail(`dictsort needs a dict, not ${typeName(value)}`)
  const index = by === undefined || by === 'key' ? 0 : by === 'value' ? 1 : fail('dictsort: "by" is "key" or "value"')
  const isExact = isCaseSensitive !== undefined && isTrue(run, isCaseSensitive)
  const key = (entry: Value): Value => {
    const part = (entry as Sequence).items[index] as Value
    return isExact ? part : ignoreCase(run, part)
  }
  return sortValues(run, itemTuples(run, value), { isReversed: reverse !== undefined && isTrue(run, reverse), key })
}

function groupby(run: Run, value: Value, args: readonly Given[]): Value {
  const [attribute, fallback, isCaseSensitive] = args
  const get = attributeGetter(run, attribute as Value, fallback)
  const isExact = isCaseSensitive !== undefined && isTrue(run, isCaseSensitive)
  const key = (entry: Value): Value => (isExact ? get(entry) : ignoreCase(run, get(entry)))
  const groups: { key: Value; grouper: Value; list: Value[] }[] = []
  for (const entry of sortValues(run, iterate(run, value), { key })) {
    const last = groups.at(-1)
    if (last !== undefined && isEqual(run, last.key, key(entry))) last.list.push(entry)
    else groups.push({ key: key(entry), grouper: get(entry), list: [entry] })
  }
  chargeItems(run, groups.length * 3)
  return groups.map(({ grouper, list }) => new Sequence('tuple', [grouper, list], null, ['grouper', 'list']))
}

/** Filters on dicts, and those that look into them. */
export const dictFilters: OperationTable = {
  items: operation([], (run, value) => {
    if (value instanceof Undefined) return new Sequence('generator', [])
    return isMapping(value)
      ? new Sequence('generator', itemTuples(run, value))
      : fail(`items needs a dict, not ${typeName(value)}`)
  }),
  dictsort: operation(['case_sensitive?', 'by?', 'reverse?'], (run, value, ...args) => dictsort(run, value, args)),
  groupby: operation(['attribute', 'default?', 'case_sensitive?'], (run, value, ...args) => groupby(run, value, args)),
  attr: operation(['name'], (run, value, name) => {
    const found = item(run, value, name as Value)
    return found === undefined ? new Undefined(String(name)) : found
  }),
}
