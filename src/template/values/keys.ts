import { fail } from '../faults.js'
import { chargeScan, type Run } from '../run.js'
import { toDouble, toNumeric } from './numbers.js'
import { Sequence, typeName, type Value } from './values.js'

/** What makes two dict keys the same, charged for long texts: as in Python `1`, `1.0` and `true` are one key, `"1"` is another. */
export function hashKey(run: Run, key: Value): string {
  if (typeof key === 'string') {
    chargeScan(run, key.length)
    return `s${key}`
  }
  if (key === null) return 'z'
  const number = toNumeric(key)
  if (number !== null) return `n${typeof number === 'bigint' ? number : toDouble(number)}`
  if (key instanceof Sequence && key.kind === 'tuple') {
    return `t${key.items
      .map((part) => hashKey(run, part))
      .map((part) => `${part.length}:${part}`)
      .join('')}`
  }
  // Ranges are the same where their items are, which the first, the last and their number tell.
  if (key instanceof Sequence && key.kind === 'range') return `r${key.items.length}:${key.items[0]}:${key.items.at(-1)}`
  return fail(`a ${typeName(key)} cannot be a key`)
}
