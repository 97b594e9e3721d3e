import { fail } from '../faults.js'
import { chargeItems, chargeSteps, type Run } from '../run.js'
import { StepValue } from '../types.js'
import { hashKey } from './keys.js'
import { toNumeric } from './numbers.js'
import { characterAt, characters, stringLength } from './strings.js'
import { raiseUndefined } from './undefined.js'
import {
  Callable,
  Dict,
  Instance,
  isIndexed,
  isList,
  isMapping,
  isPlainObject,
  Namespace,
  type PlainObject,
  Sequence,
  Special,
  tuple,
  typeName,
  Undefined,
  unwrap,
  type Value,
} from './values.js'

const KEYS_PER_STEP = 16

/** The items of a list as this evaluation sees them. */
export function listItems(run: Run, list: readonly Value[]): readonly Value[] {
  return run.changedLists?.get(list) ?? list
}

/** A context's list or object as this evaluation may change it: a copy made at the first change. */
export function mutableList(run: Run, list: readonly Value[]): Value[] {
  run.changedLists ??= new Map()
  const changed = run.changedLists.get(list)
  if (changed) return changed
  chargeItems(run, list.length)
  const copy = [...list]
  run.changedLists.set(list, copy)
  return copy
}

export function mutableDict(run: Run, mapping: PlainObject | Dict): Dict {
  if (mapping instanceof Dict) return mapping
  run.changedDicts ??= new Map()
  const changed = run.changedDicts.get(mapping)
  if (changed) return changed
  const copy = new Dict()
  for (const [key, value] of mappingEntries(run, mapping)) copy.entries.set(hashKey(run, key), [key, value])
  run.changedDicts.set(mapping, copy)
  return copy
}

function changedDict(run: Run, mapping: PlainObject): Dict | undefined {
  return run.changedDicts === null ? undefined : run.changedDicts.get(mapping)
}

/** Key and value of every entry, in order. */
export function mappingEntries(run: Run, mapping: PlainObject | Dict): (readonly [Value, Value])[] {
  const dict = mapping instanceof Dict ? mapping : changedDict(run, mapping)
  if (dict) {
    chargeItems(run, dict.entries.size)
    return [...dict.entries.values()]
  }
  const keys = Object.keys(mapping)
  chargeItems(run, keys.length)
  return keys.map((key) => [key, unwrap((mapping as PlainObject)[key] as Value)] as const)
}

export function mappingSize(run: Run, mapping: PlainObject | Dict): number {
  const dict = mapping instanceof Dict ? mapping : changedDict(run, mapping)
  if (dict) return dict.entries.size
  const known = run.sizes?.get(mapping)
  if (known !== undefined) return known
  const size = Object.keys(mapping).length
  chargeSteps(run, Math.floor(size / KEYS_PER_STEP))
  run.sizes ??= new Map()
  run.sizes.set(mapping, size)
  return size
}

/** The value of a key, undefined when there is none. */
export function mappingGet(run: Run, mapping: PlainObject | Dict, key: Value): Value | undefined {
  const dict = mapping instanceof Dict ? mapping : changedDict(run, mapping)
  if (dict) return dict.entries.get(hashKey(run, key))?.[1]
  if (typeof key === 'string') return Object.hasOwn(mapping, key) ? ((mapping as PlainObject)[key] as Value) : undefined
  hashKey(run, key)
  return undefined
}

export function dictSet(run: Run, dict: Dict, key: Value, value: Value): void {
  chargeItems(run, 1)
  const hash = hashKey(run, key)
  dict.entries.set(hash, [dict.entries.get(hash)?.[0] ?? key, value])
}

export function dictFrom(run: Run, entries: Iterable<readonly [Value, Value]>): Dict {
  const dict = new Dict()
  for (const [key, value] of entries) dictSet(run, dict, key, value)
  return dict
}

/** The member `.name` of a value: data first, then what a step's result adds. Undefined when there is none. */
export function member(run: Run, target: Value, name: string): Value | undefined {
  if (typeof target !== 'object' || target === null) return undefined
  if (target instanceof StepValue) {
    const own = member(run, target.value, name)
    const more = Object.hasOwn(target.fallback, name) ? target.fallback[name] : undefined
    // `this.data` is the envelope's own key, and has `.command_0`, too.
    return own === undefined || (more instanceof StepValue && more.value === own) ? more : own
  }
  if (!(target instanceof Special)) return isPlainObject(target) ? mappingGet(run, target, name) : undefined
  if (target instanceof Dict) return mappingGet(run, target, name)
  if (target instanceof Callable) return target.members.get(name)
  if (target instanceof Namespace) return target.values.get(name)
  if (target instanceof Instance) return target.members.get(name)?.()
  if (target instanceof Sequence) {
    const index = target.fields.indexOf(name)
    return index < 0 ? undefined : target.items[index]
  }
  if (target instanceof Undefined) return raiseUndefined(target)
  return undefined
}

/** The item `[key]` of a value. Undefined when there is none. */
export function item(run: Run, target: Value, key: Value): Value | undefined {
  if (key instanceof Undefined) return target instanceof Undefined ? raiseUndefined(target) : undefined
  const base = unwrap(target)
  if (typeof key === 'string' && (target instanceof StepValue || !isSequential(base))) return member(run, target, key)
  if (isMapping(base)) return isHashable(key) ? mappingGet(run, base, key) : undefined
  if (base instanceof Undefined) return raiseUndefined(base)
  if (!isSequential(base)) return undefined
  const number = toNumeric(key)
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    return typeof key === 'string' && base instanceof Sequence ? member(run, base, key) : undefined
  }
  if (typeof base === 'string') return characterAt(run, base, number)
  return sequenceItems(run, base).at(number)
}

function isHashable(key: Value): boolean {
  return !isList(key) && !isMapping(key)
}

function isSequential(value: Value): value is string | readonly Value[] | Sequence {
  return typeof value === 'string' || isList(value) || (value instanceof Sequence && isIndexed(value))
}

function sequenceItems(run: Run, value: readonly Value[] | Sequence): readonly Value[] {
  return value instanceof Sequence ? value.items : listItems(run, value)
}

/** The items that a loop over a value visits, charged; null when it cannot be looped over. */
export function tryIterate(run: Run, value: Value): readonly Value[] | null {
  const plain = unwrap(value)
  if (isList(plain) || plain instanceof Sequence) {
    const items = sequenceItems(run, plain)
    chargeSteps(run, items.length)
    return items
  }
  if (typeof plain === 'string') return characters(run, plain)
  if (isMapping(plain)) return mappingEntries(run, plain).map(([key]) => key)
  return plain instanceof Undefined ? [] : null
}

export function iterate(run: Run, value: Value): readonly Value[] {
  return tryIterate(run, value) ?? fail(`${typeName(value)} cannot be looped over`)
}

/** The number of items, or null for what has no length. */
export function lengthOf(run: Run, value: Value): number | null {
  const plain = unwrap(value)
  if (typeof plain === 'string') return stringLength(run, plain)
  if (plain instanceof Undefined) return 0
  if (plain instanceof Sequence && plain.kind === 'generator') return plain.items.length
  if (isList(plain) || plain instanceof Sequence) return sequenceItems(run, plain).length
  if (plain instanceof Instance) {
    const length = plain.members.get('length')?.()
    return typeof length === 'number' ? length : null
  }
  return isMapping(plain) ? mappingSize(run, plain) : null
}

/** Entries as the tuples that `items()` gives. */
export function itemTuples(run: Run, mapping: PlainObject | Dict): Sequence[] {
  return mappingEntries(run, mapping).map(([key, value]) => tuple(key, value))
}
