import { chargeSteps, chargeText, type Run } from '../run.js'
import { item } from './access.js'
import { Undefined, type Value } from './values.js'

/** Parts of a path that are followed for one step. */
const PATH_PARTS = 8

/** Jinja2's `attribute='a.b.0'`: a path of names and indexes, or one integer. */
export function attributeGetter(run: Run, attribute: Value, fallback?: Value): (value: Value) => Value {
  if (typeof attribute === 'string') chargeText(run, attribute.length)
  const keys =
    typeof attribute === 'string' ? attribute.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part)) : [attribute]
  const path = String(typeof attribute === 'string' || typeof attribute === 'number' ? attribute : 'attribute')
  return (value) => {
    let current = value
    chargeSteps(run, Math.floor(keys.length / PATH_PARTS))
    for (const key of keys) {
      const next = item(run, current, key)
      if (next === undefined && fallback !== undefined) return fallback
      current = next === undefined ? new Undefined(path) : next
    }
    return current
  }
}
