import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeItems, type Run } from '../run.js'
import { iterate, tryIterate } from '../values/access.js'
import { attributeGetter } from '../values/attributes.js'
import { compareValues, isTrue } from '../values/compare.js'
import { hashKey } from '../values/keys.js'
import { requireInteger } from '../values/numbers.js'
import { binary } from '../values/operators.js'
import { ignoreCase, sortValues } from '../values/sorting.js'
import { characters, joinText } from '../values/strings.js'
import { toText } from '../values/text.js'
import { Sequence, tuple, Undefined, unwrap, type Value } from '../values/values.js'

type Given = Value | undefined

const isSet = (run: Run, value: Given): boolean => value !== undefined && isTrue(run, value)

/** What a filter with `case_sensitive` and `attribute` compares by. */
function keyOf(run: Run, isCaseSensitive: Given, attribute: Given): (value: Value) => Value {
  const get =
    attribute === undefined || attribute === null ? (value: Value): Value => unwrap(value) : attributeGetter(run, attribute)
  return isSet(run, isCaseSensitive) ? get : (value) => ignoreCase(run, get(value))
}

function or(value: Given, path: string): Value {
  return value === undefined ? new Undefined(path) : value
}

function generator(items: readonly Value[]): Sequence {
  return new Sequence('generator', items)
}

function sort(run: Run, value: Value, args: readonly Given[]): Value {
  const [reverse, isCaseSensitive, attribute] = args
  const isReversed = isSet(run, reverse)
  // Keys are lists, as in Jinja2: equal ones are never put in order, whatever they are.
  const parts = typeof attribute === 'string' ? attribute.split(',').map((part) => part.trim()) : [attribute]
  const keys = parts.map((part) => keyOf(run, isCaseSensitive, part))
  return sortValues(run, iterate(run, value), { isReversed, key: (entry) => tuple(...keys.map((key) => key(entry))) })
}

function extreme(sign: 1 | -1): (run: Run, value: Value, isCaseSensitive?: Value, attribute?: Value) => Value {
  return (run, value, isCaseSensitive, attribute) => {
    const key = keyOf(run, isCaseSensitive, attribute)
    const [first, ...rest] = iterate(run, value)
    if (first === undefined) return new Undefined('the smallest or largest of an empty list')
    return rest.reduce((best, item) => (compareValues(run, key(item), key(best)) * sign > 0 ? item : best), first)
  }
}

function unique(run: Run, value: Value, isCaseSensitive: Given, attribute: Given): Value {
  const key = keyOf(run, isCaseSensitive, attribute)
  const seen = new Set<string>()
  return generator(
    iterate(run, value).filter((item) => {
      const hash = hashKey(run, key(item))
      const isNew = !seen.has(hash)
      seen.add(hash)
      return isNew
    }),
  )
}

function batch(run: Run, value: Value, size: Given, fill: Given): Value {
  const count = requireInteger(size as Value, 'batch')
  const items = iterate(run, value)
  // Jinja2 closes a batch when it has exactly that many items: with 0 that is before the first, below it never.
  if (count <= 0) return generator(items.length === 0 ? [] : count === 0 ? [[], [...items]] : [[...items]])
  const isFilled = fill !== undefined && fill !== null
  chargeItems(run, items.length + (isFilled ? count : 0))
  const rows: Value[][] = []
  for (let at = 0; at < items.length; at += count) rows.push(items.slice(at, at + count))
  const last = rows.at(-1)
  if (isFilled && last !== undefined) while (last.length < count) last.push(fill)
  return generator(rows)
}

function slices(run: Run, value: Value, size: Given, fill: Given): Value {
  const count = requireInteger(size as Value, 'slice')
  if (count <= 0) return fail('slice: the number of slices must be above 0')
  const items = iterate(run, value)
  chargeItems(run, count + items.length)
  const width = Math.floor(items.length / count)
  const longer = items.length % count
  let from = 0
  const rows = Array.from({ length: count }, (_, index) => {
    const row = items.slice(from, from + width + (index < longer ? 1 : 0))
    from += row.length
    return fill !== undefined && fill !== null && index >= longer ? [...row, fill] : row
  })
  return generator(rows)
}

function sum(run: Run, value: Value, attribute: Given, start: Given): Value {
  const get = attribute === undefined || attribute === null ? unwrap : attributeGetter(run, attribute)
  if (typeof start === 'string') return fail('sum: use join for texts')
  return iterate(run, value).reduce((total: Value, item) => binary(run, '+', total, get(item)), start ?? 0)
}

function join(run: Run, value: Value, separator: Given, attribute: Given): Value {
  const get = attribute === undefined || attribute === null ? unwrap : attributeGetter(run, attribute)
  const items = iterate(run, value)
  chargeItems(run, items.length)
  return joinText(
    run,
    items.map((item) => toText(run, get(item))),
    separator === undefined ? '' : toText(run, separator),
  )
}

function reverse(run: Run, value: Value): Value {
  if (typeof value === 'string') return joinText(run, characters(run, value).reverse(), '')
  const items = tryIterate(run, value) ?? fail('reverse needs a text or a list')
  chargeItems(run, items.length)
  return generator([...items].reverse())
}

/** Filters on lists. */
export const listFilters: OperationTable = {
  list: operation([], (run, value) => {
    const items = iterate(run, value)
    chargeItems(run, items.length)
    return [...items]
  }),
  first: operation([], (run, value) => or(iterate(run, value)[0], 'the first item of an empty list')),
  last: operation([], (run, value) => or(iterate(run, value).at(-1), 'the last item of an empty list')),
  random: operation([], (run, value) => {
    const items = iterate(run, value)
    return or(items[Math.floor(Math.random() * items.length)], 'a random item of an empty list')
  }),
  sort: operation(['reverse?', 'case_sensitive?', 'attribute?'], (run, value, ...args) => sort(run, value, args)),
  max: operation(['case_sensitive?', 'attribute?'], extreme(1)),
  min: operation(['case_sensitive?', 'attribute?'], extreme(-1)),
  unique: operation(['case_sensitive?', 'attribute?'], unique),
  batch: operation(['linecount', 'fill_with?'], batch),
  slice: operation(['slices', 'fill_with?'], slices),
  sum: operation(['attribute?', 'start?'], sum),
  join: operation(['d?', 'attribute?'], join),
  reverse: operation([], reverse),
}
