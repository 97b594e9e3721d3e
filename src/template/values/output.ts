import { isLosslessNumber, type JsonObject, type JsonValue } from '../../core/json.js'
import { fail, forbid } from '../faults.js'
import { chargeItems, deeper, type Run } from '../run.js'
import { listItems, mappingEntries } from './access.js'
import { numericToJson, toNumeric } from './numbers.js'
import { toText } from './text.js'
import { raiseUndefined } from './undefined.js'
import { isList, isMapping, Sequence, typeName, Undefined, unwrap, type Value } from './values.js'

/** A value as it leaves the engine: JSON, or an error. Functions, macros and `loop` never leave it. */
export function toJson(run: Run, given: Value): JsonValue {
  const value = unwrap(given)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (isLosslessNumber(value)) return value
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? 0 : value
  const number = toNumeric(value)
  if (number !== null) return numericToJson(number)
  if (value instanceof Undefined) return raiseUndefined(value)
  if (isList(value)) return listToJson(run, listItems(run, value))
  if (value instanceof Sequence) return listToJson(run, value.items)
  if (isMapping(value)) return deeper(run, () => mappingToJson(run, mappingEntries(run, value)))
  return fail(`a ${typeName(value)} is not a value that can be stored`)
}

function listToJson(run: Run, items: readonly Value[]): JsonValue {
  chargeItems(run, items.length)
  return deeper(run, () => items.map((item) => toJson(run, item)))
}

function mappingToJson(run: Run, entries: readonly (readonly [Value, Value])[]): JsonObject {
  const object: JsonObject = {}
  for (const [key, value] of entries) {
    const name = toText(run, key)
    if (name === '__proto__') forbid('"__proto__" cannot be a key')
    object[name] = toJson(run, value)
  }
  return object
}
