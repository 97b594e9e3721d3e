import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, parseGivenJson, stringifyJson } from '../../core/json.js'

export type FieldKind = 'text' | 'number' | 'switch' | 'choice' | 'password' | 'json'

/** One key of a playbook's workload, or of an answer, as a form shows it. */
export interface Field {
  readonly name: string
  /** The schema's title, by default the name. */
  readonly label: string
  readonly kind: FieldKind
  /** What stands in the form at first: the default. Empty where there is none. */
  readonly text: string
  readonly description: string | null
  /** It has no default, and the schema asks for it. */
  readonly isRequired: boolean
  /** Of a choice: each value as JSON, and as it is shown. */
  readonly options: readonly { readonly value: string; readonly label: string }[]
}

/** The fields of a workload: by its schema, and by the types of its defaults. */
export function fieldsOf(workload: JsonValue, schema: JsonValue = null): Field[] {
  const defaults = isJsonObject(workload) ? workload : {}
  const { properties, required } = objectSchema(schema, schema)
  const names = new Set([...Object.keys(properties), ...Object.keys(defaults)])
  return [...names].map((name) =>
    fieldOf({ name, schema: resolved(properties[name] ?? null, schema), given: defaults[name], required }),
  )
}

interface FieldRequest {
  readonly name: string
  readonly schema: JsonObject
  /** The default of the playbook's workload. */
  readonly given: JsonValue | undefined
  readonly required: ReadonlySet<string>
}

function fieldOf({ name, schema, given, required }: FieldRequest): Field {
  const initial = given ?? schema['default']
  const isRequired = required.has(name) && initial === undefined
  const description = typeof schema['description'] === 'string' ? schema['description'] : null
  const label = typeof schema['title'] === 'string' ? schema['title'] : name
  const base = { name, label, description, isRequired, options: [] }
  if (Array.isArray(schema['enum'])) {
    const options = schema['enum'].map((value) => ({ value: stringifyJson(value), label: labelOf(value) }))
    return { ...base, kind: 'choice', text: initial === undefined ? '' : stringifyJson(initial), options }
  }
  const kind = kindOf(schema, initial)
  // What may be on, off or left out is more than a switch can say.
  if (kind === 'switch' && initial === undefined && !isRequired) {
    const options = [true, false].map((value) => ({ value: String(value), label: String(value) }))
    return { ...base, kind: 'choice', text: '', options }
  }
  if (initial === undefined) return { ...base, kind, text: kind === 'switch' ? 'false' : '' }
  // A default that is a template is a text, whatever it gives.
  const isPlain = typeof initial === 'string' && kind !== 'json'
  return { ...base, kind, text: isPlain ? initial : stringifyJson(initial) }
}

function kindOf(schema: JsonObject, initial: JsonValue | undefined): FieldKind {
  const [type] = [schema['type']].flat().filter((one) => one !== 'null')
  if (schema['writeOnly'] === true && (type === 'string' || type === undefined)) return 'password'
  if (type === 'string' || (type === undefined && typeof initial === 'string')) return 'text'
  if (type === 'boolean' || (type === undefined && typeof initial === 'boolean')) return 'switch'
  if (type === 'integer' || type === 'number' || (type === undefined && isJsonNumber(initial))) return 'number'
  return 'json'
}

function labelOf(value: JsonValue): string {
  return typeof value === 'string' ? value : stringifyJson(value)
}

interface ObjectSchema {
  readonly properties: JsonObject
  readonly required: ReadonlySet<string>
}

/** What a schema says of an object's properties, also through references and `allOf`. */
function objectSchema(schema: JsonValue, root: JsonValue, depth = 0): ObjectSchema {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return { properties: {}, required: new Set() }
  const { $ref, allOf, properties, required } = schema
  const parts = [...(typeof $ref === 'string' ? [target($ref, root)] : []), ...(Array.isArray(allOf) ? allOf : [])]
  const others = parts.map((part) => objectSchema(part, root, depth + 1))
  return {
    properties: Object.assign(
      {},
      ...others.map((one) => one.properties),
      isJsonObject(properties) ? properties : {},
    ) as JsonObject,
    required: new Set([...others.flatMap((one) => [...one.required]), ...(Array.isArray(required) ? required.map(String) : [])]),
  }
}

/** Of references that lead on to others. */
const MAX_DEPTH = 20

/** A property's schema with what it refers to. */
function resolved(schema: JsonValue, root: JsonValue, depth = 0): JsonObject {
  if (!isJsonObject(schema)) return {}
  const { $ref } = schema
  return typeof $ref === 'string' && depth < MAX_DEPTH ? { ...resolved(target($ref, root), root, depth + 1), ...schema } : schema
}

function target(reference: string, root: JsonValue): JsonValue {
  const parts = decodeURIComponent(reference).split('/').slice(1)
  return parts.reduce<JsonValue>((found, part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    return isJsonObject(found) ? (found[key] ?? null) : null
  }, root)
}

/** Why a field's text cannot be taken; null when it can. */
export function problemOf({ kind, text: initial, isRequired }: Field, text: string): string | null {
  if (text === '' && isRequired && kind !== 'switch') return 'This is needed'
  if (text === '' || text === initial || kind === 'text' || kind === 'password' || kind === 'switch') return null
  try {
    const value = parseGivenJson(text)
    return kind === 'number' && !isJsonNumber(value) ? NUMBER : null
  } catch {
    return kind === 'number' ? NUMBER : 'JSON, such as ["a", "b"] or {"key": 1}'
  }
}

const NUMBER = 'A number, such as 5 or 2.5'

/** What is given at start: only what differs from the defaults, and what is asked for and has none. */
export function workloadOf(fields: readonly Field[], texts: Readonly<Record<string, string>>): JsonObject {
  const given: JsonObject = {}
  for (const { name, kind, text, isRequired } of fields) {
    const now = texts[name] ?? text
    const isPlain = kind === 'text' || kind === 'password'
    if (now === text ? !isRequired : now === '' && !(isPlain && text !== '')) continue
    given[name] = isPlain ? now : parseGivenJson(now)
  }
  return given
}

/** What the server found wrong, by the key of the workload; what is wrong with the whole stands under the empty key. */
export function refusedFields(problems: unknown): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const problem of Array.isArray(problems) ? (problems as Readonly<Record<string, unknown>>[]) : []) {
    const [key = '', ...inside] = String(problem['path']).split('/').slice(1)
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~')
    const message = `${inside.length > 0 ? `${inside.join('/')}: ` : ''}${String(problem['message'])}`
    found[name] = name in found ? `${found[name]}; ${message}` : message
  }
  return found
}
