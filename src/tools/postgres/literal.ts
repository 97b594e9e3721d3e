import { isJsonNumber, isJsonObject, type JsonValue, numberText, stringifyJson } from '../../core/json.js'

const OID = {
  bool: 16,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  unknown: 705,
  char: 1042,
  varchar: 1043,
  jsonb: 3802,
}
const TEXT_OIDS = new Set([OID.text, OID.name, OID.unknown, OID.char, OID.varchar, 0])
const JSON_OIDS = new Set([OID.json, OID.jsonb])
const INTEGER_BITS = new Map([
  [OID.int2, 15n],
  [OID.int4, 31n],
  [OID.int8, 63n],
])

/** A parameter's type, as the server understands the statement. */
export interface ParameterType {
  readonly oid: number
  readonly isArray: boolean
}

/** Whether a value goes into a parameter of this type as it is, and means there what it means in JSON. */
export function fits(value: JsonValue, { oid, isArray }: ParameterType): boolean {
  if (value === null || typeof value === 'string' || JSON_OIDS.has(oid)) return true
  if (Array.isArray(value)) return isArray
  if (isJsonObject(value)) return false
  if (typeof value === 'boolean') return !TEXT_OIDS.has(oid)
  const bits = INTEGER_BITS.get(oid)
  if (bits !== undefined) return isInteger(value, bits)
  return !TEXT_OIDS.has(oid) && oid !== OID.bool
}

/** The type that a value has by itself, for parameters whose type the statement leaves open. */
export function ownType(value: JsonValue): string {
  if (value === null || typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'boolean'
  if (!isJsonNumber(value)) return 'jsonb'
  if (isInteger(value, 31n)) return 'integer'
  return isInteger(value, 63n) ? 'bigint' : 'numeric'
}

function isInteger(value: JsonValue, bits: bigint): boolean {
  if (!isJsonNumber(value)) return false
  const text = numberText(value)
  if (!/^-?\d{1,20}$/.test(text)) return false
  const number = BigInt(text)
  return number >= -(2n ** bits) && number < 2n ** bits
}

/** A value in PostgreSQL's text format. */
export function encode(value: JsonValue, { oid, isArray }: ParameterType): string | null {
  if (value === null) return null
  if (JSON_OIDS.has(oid)) return typeof value === 'string' ? jsonText(value) : stringifyJson(value)
  if (Array.isArray(value) && isArray) return arrayText(value)
  return scalarText(value)
}

/** A string for a json parameter may be the text of an object or a list, as `tojson` makes it; else it is a JSON string. */
function jsonText(value: string): string {
  if (!/^\s*[[{"]/.test(value)) return JSON.stringify(value)
  try {
    JSON.parse(value)
    return value
  } catch {
    return JSON.stringify(value)
  }
}

function scalarText(value: JsonValue): string {
  if (typeof value === 'string') return value
  return isJsonNumber(value) ? numberText(value) : stringifyJson(value)
}

function arrayText(items: readonly JsonValue[]): string {
  const texts = items.map((item) => {
    if (item === null) return 'NULL'
    if (Array.isArray(item)) return arrayText(item)
    if (typeof item === 'boolean' || isJsonNumber(item)) return scalarText(item)
    return `"${scalarText(item).replace(/["\\]/g, '\\$&')}"`
  })
  return `{${texts.join(',')}}`
}
