import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../core/json.js'

/** A schema of a playbook's block as a document of its own: with the definitions of the block where it may refer to them. */
export function standalone({ $defs }: JsonObject, schema: JsonValue): JsonValue {
  if (!isJsonObject(schema) || !isJsonObject($defs) || !stringifyJson(schema).includes('"#/$defs/')) return schema
  return { ...schema, $defs: { ...$defs, ...(isJsonObject(schema['$defs']) ? schema['$defs'] : {}) } }
}
