import { fail } from '../faults.js'
import { chargeItems, type Run } from '../run.js'
import { listItems } from './access.js'
import { requireInteger } from './numbers.js'
import { characters, isPlain, substring } from './strings.js'
import { raiseUndefined } from './undefined.js'
import { isIndexed, isList, type Range, Sequence, typeName, Undefined, unwrap, type Value } from './values.js'

export interface SliceBounds {
  readonly start: Value
  readonly stop: Value
  readonly step: Value
}

/** `value[start:stop:step]` of a text, a list or a tuple, as Python cuts it. */
export function slice(run: Run, target: Value, bounds: SliceBounds): Value {
  const value = unwrap(target)
  if (value instanceof Undefined) return raiseUndefined(value)
  if (typeof value === 'string') {
    if (bounds.step === null) {
      const { start, stop } = resolve(value.length, bounds)
      return isPlain(run, value)
        ? substring(run, value, start, Math.max(start, stop))
        : cut(run, characters(run, value), bounds).join('')
    }
    return cut(run, characters(run, value), bounds).join('')
  }
  if (isList(value)) return cut(run, listItems(run, value), bounds)
  if (value instanceof Sequence && isIndexed(value))
    return new Sequence(
      value.kind,
      cut(run, value.items, bounds),
      value.range && cutRange(value.range, resolve(value.items.length, bounds)),
    )
  return fail(`a ${typeName(value)} cannot be sliced`)
}

/** As Python does it: a part of a range is a range. */
function cutRange({ start, step }: Range, indexes: Range): Range {
  return { start: start + indexes.start * step, stop: start + indexes.stop * step, step: step * indexes.step }
}

function resolve(length: number, bounds: SliceBounds): Range {
  const step = bounds.step === null ? 1 : requireInteger(bounds.step, 'slice step')
  if (step === 0) return fail('slice step cannot be zero')
  const low = step > 0 ? 0 : -1
  const high = step > 0 ? length : length - 1
  const bound = (value: Value, otherwise: number): number => {
    if (value === null) return otherwise
    const index = requireInteger(value, 'slice')
    return Math.min(high, Math.max(low, index < 0 ? index + length : index))
  }
  return { start: bound(bounds.start, step > 0 ? 0 : high), stop: bound(bounds.stop, step > 0 ? length : -1), step }
}

function cut<T extends Value>(run: Run, items: readonly T[], bounds: SliceBounds): T[] {
  const { start, stop, step } = resolve(items.length, bounds)
  const count = Math.max(0, Math.ceil((stop - start) / step))
  chargeItems(run, count)
  return Array.from({ length: count }, (_, index) => items[start + index * step] as T)
}
