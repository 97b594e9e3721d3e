import { chargeItems, chargeScan, chargeSteps, type Run } from '../run.js'
import { compareValues } from './compare.js'
import type { Value } from './values.js'

export interface SortOptions {
  readonly isReversed?: boolean
  readonly key?: (value: Value) => Value
}

/** Sorts stably as Python does, charged before; a reversed sort keeps the order of equals. */
export function sortValues(run: Run, values: readonly Value[], { isReversed = false, key }: SortOptions = {}): Value[] {
  chargeItems(run, values.length)
  chargeSteps(run, (values.length * Math.log2(values.length + 1)) / 8)
  const keyed = values.map((value) => ({ value, key: key === undefined ? value : key(value) }))
  keyed.sort((left, right) => (isReversed ? compareValues(run, right.key, left.key) : compareValues(run, left.key, right.key)))
  return keyed.map(({ value }) => value)
}

/** A key that ignores the case of texts, as Jinja2's filters do unless told otherwise. */
export function ignoreCase(run: Run, value: Value): Value {
  if (typeof value !== 'string') return value
  chargeScan(run, value.length)
  return value.toLowerCase()
}
