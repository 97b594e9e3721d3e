import { TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue, jsonSize } from '../core/json.js'
import { pointerParts } from './problem.js'

/** What defaults may add to one value, all in all: each item of a long list could have one. */
const MAX_ADDED_BYTES = 1024 * 1024

interface Filling {
  readonly block: JsonObject
  /** Schemas whose default is being filled: one that is inside itself adds no second. */
  readonly inside: Set<JsonValue>
  added: number
}

/**
 * A value with the `default` of each property that is missing, through `properties`, `items`, `prefixItems`, `allOf` and references.
 * `block`: what references lead into. The value itself stays as it is.
 * @throws TransientError TOO_LARGE when that adds more than 1 MiB
 */
export function fillDefaults(block: JsonObject, schema: JsonValue, value: JsonValue): JsonValue {
  return fill({ block, inside: new Set(), added: 0 }, schema, value)
}

function fill(filling: Filling, schema: JsonValue, value: JsonValue): JsonValue {
  if (!isJsonObject(schema) || typeof value !== 'object' || value === null) return value
  let filled: JsonValue = value
  for (const same of samePlace(filling, schema)) filled = fill(filling, same, filled)
  if (isJsonObject(filled) && isJsonObject(schema['properties'])) return fillProperties(filling, schema['properties'], filled)
  if (!Array.isArray(filled)) return filled
  const { prefixItems, items } = schema
  const first = Array.isArray(prefixItems) ? prefixItems : []
  return filled.map((item, index) => fill(filling, first[index] ?? items ?? true, item))
}

function samePlace({ block }: Filling, { $ref, allOf }: JsonObject): JsonValue[] {
  const referred = typeof $ref === 'string' && $ref.startsWith('#/') ? [resolve(block, $ref)] : []
  return [...referred, ...(Array.isArray(allOf) ? allOf : [])]
}

function resolve(block: JsonObject, reference: string): JsonValue {
  let found: JsonValue = block
  for (const part of pointerParts(decodeURIComponent(reference.slice(1)))) {
    const next: JsonValue | undefined = Array.isArray(found) ? found[Number(part)] : isJsonObject(found) ? found[part] : undefined
    if (next === undefined) return true
    found = next
  }
  return found
}

function fillProperties(filling: Filling, properties: JsonObject, value: JsonObject): JsonObject {
  const filled: JsonObject = { ...value }
  for (const [name, schema] of Object.entries(properties)) {
    const present = Object.hasOwn(value, name) ? value[name] : undefined
    if (present !== undefined) filled[name] = fill(filling, schema, present)
    else {
      const added = defaultOf(filling, schema)
      if (added !== undefined) filled[name] = added
    }
  }
  return filled
}

function defaultOf(filling: Filling, schema: JsonValue): JsonValue | undefined {
  const given = givenDefault(filling, schema)
  if (given === undefined || filling.inside.has(schema)) return given
  filling.added += jsonSize(given)
  if (filling.added > MAX_ADDED_BYTES) {
    throw new TransientError('TOO_LARGE', `the defaults of the schema add more than ${MAX_ADDED_BYTES} bytes`, {
      details: { limit: MAX_ADDED_BYTES },
    })
  }
  filling.inside.add(schema)
  const whole = fill(filling, schema, given)
  filling.inside.delete(schema)
  return whole
}

/** Its own, or that of a schema in the same place. */
function givenDefault(filling: Filling, schema: JsonValue): JsonValue | undefined {
  if (!isJsonObject(schema)) return undefined
  if (schema['default'] !== undefined) return schema['default']
  for (const same of samePlace(filling, schema)) {
    const given = givenDefault(filling, same)
    if (given !== undefined) return given
  }
  return undefined
}
