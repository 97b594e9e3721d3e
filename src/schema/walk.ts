import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../core/json.js'
import { pointerTo } from './problem.js'

/** Keywords that hold a schema, a list of schemas, or schemas by name. */
const ONE = ['additionalProperties', 'unevaluatedProperties', 'propertyNames', 'items', 'unevaluatedItems', 'contains'] as const
const ONE_IN_PLACE = ['not', 'if', 'then', 'else'] as const
const LIST = ['prefixItems'] as const
const LIST_IN_PLACE = ['allOf', 'anyOf', 'oneOf'] as const
const NAMED = ['properties', 'patternProperties', '$defs'] as const
const NAMED_IN_PLACE = ['dependentSchemas'] as const
/** The others, which hold none. */
const PLAIN = [
  ...['$id', '$schema', '$ref', '$anchor', '$dynamicRef', '$dynamicAnchor', '$vocabulary', '$comment', 'type', 'enum', 'const'],
  ...[
    'multipleOf',
    'maximum',
    'exclusiveMaximum',
    'minimum',
    'exclusiveMinimum',
    'maxLength',
    'minLength',
    'pattern',
    'maxItems',
  ],
  ...['minItems', 'uniqueItems', 'maxContains', 'minContains', 'maxProperties', 'minProperties', 'required', 'dependentRequired'],
  ...['title', 'description', 'default', 'deprecated', 'readOnly', 'writeOnly', 'examples', 'format', 'contentEncoding'],
  ...['contentMediaType', 'contentSchema'],
]

/** Every keyword of draft 2020-12. */
export const KEYWORDS: readonly string[] = [
  ...[...PLAIN, ...ONE, ...ONE_IN_PLACE, ...LIST, ...LIST_IN_PLACE, ...NAMED, ...NAMED_IN_PLACE],
]

/** A schema inside a document. */
export interface Subschema {
  readonly schema: JsonValue
  readonly pointer: string
  /** It looks at the same value as the schema around it, not at a part of the value. */
  readonly isInPlace: boolean
}

/** The schemas directly inside one. */
export function* innerSchemas({ schema, pointer }: Pick<Subschema, 'schema' | 'pointer'>): Generator<Subschema> {
  if (!isJsonObject(schema)) return
  for (const [keywords, isInPlace] of [[ONE, false] as const, [ONE_IN_PLACE, true] as const]) {
    for (const keyword of keywords) {
      const inner = schema[keyword]
      if (inner !== undefined) yield { schema: inner, pointer: pointerTo(pointer, keyword), isInPlace }
    }
  }
  for (const [keywords, isInPlace] of [
    [LIST, false] as const,
    [LIST_IN_PLACE, true] as const,
    [NAMED, false] as const,
    [NAMED_IN_PLACE, true] as const,
  ]) {
    for (const keyword of keywords) yield* innerMany(schema[keyword], pointerTo(pointer, keyword), isInPlace)
  }
}

function* innerMany(container: JsonValue | undefined, pointer: string, isInPlace: boolean): Generator<Subschema> {
  const entries = Array.isArray(container) ? container.entries() : Object.entries(isJsonObject(container) ? container : {})
  for (const [key, schema] of entries) yield { schema, pointer: pointerTo(pointer, key), isInPlace }
}

/** A schema and all those inside it. */
export function* allSchemas(root: Subschema): Generator<Subschema & { readonly schema: JsonValue }> {
  yield root
  for (const inner of innerSchemas(root)) yield* allSchemas(inner)
}

/** The schemas of a block: its workload, each variable's, each result's, each of `$defs`. */
export function rootsOf(block: JsonObject): Subschema[] {
  const mappings = ['vars', 'results', '$defs'].filter((name) => isJsonObject(block[name]))
  const named = mappings.flatMap((name) => [...innerMany(block[name], `/${name}`, false)])
  const workload = block['workload']
  return workload === undefined ? named : [{ schema: workload, pointer: '/workload', isInPlace: false }, ...named]
}

/** A schema of a playbook's block as a document of its own: with the definitions of the block where it may refer to them. */
export function standalone({ $defs }: JsonObject, schema: JsonValue): JsonValue {
  if (!isJsonObject(schema) || !isJsonObject($defs) || !stringifyJson(schema).includes('"#/$defs/')) return schema
  return { ...schema, $defs: { ...$defs, ...(isJsonObject(schema['$defs']) ? schema['$defs'] : {}) } }
}
