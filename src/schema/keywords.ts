import { removeUriSchemePlugin, step, value as valueAt } from '@hyperjump/browser'
import { setShouldValidateSchema } from '@hyperjump/json-schema/draft-2020-12'
import { addKeyword, type Keyword, Validation } from '@hyperjump/json-schema/experimental'
import { entries, type JsonNode, typeOf, value } from '@hyperjump/json-schema/instance/experimental'
import {
  isJsonNumber,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  LosslessNumber,
  parseJson,
  stringifyJson,
} from '../core/json.js'
import { compareNumbers, equalityText, isMultipleOf, isWhole } from './numbers.js'
import { compilePattern, type Pattern } from './pattern.js'

/** No text of a playbook can hold it. */
const EXACT = '\0'

/** Keywords whose numbers count by all their digits. */
const EXACT_KEYWORDS = new Set(['const', 'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'])
/** What a value is checked by never depends on them. */
const LEFT_OUT = new Set(['default', 'examples'])

/**
 * A schema as the library takes it: JavaScript's own numbers alone. What our keywords compare goes there as text, which also keeps the
 * library from looking for references and ids in it.
 */
export function encodeSchema(schema: JsonValue, isSchema = true): JsonValue {
  if (schema instanceof LosslessNumber) return Number(schema.value)
  if (Array.isArray(schema)) return schema.map((item) => encodeSchema(item))
  if (!isJsonObject(schema)) return schema
  // The library looks keywords up in a plain object, which has some of its own.
  const kept = Object.entries(schema).filter(([key]) => !(isSchema && (LEFT_OUT.has(key) || key in Object.prototype)))
  return Object.fromEntries(kept.map(([key, item]) => [key, encodeKeyword(key, item, isSchema)]))
}

/** The `schema` block of a playbook as a document: under `vars` and `results` stand schemas by name. */
export function encodeBlock({ workload, vars, results, $defs }: JsonObject): JsonObject {
  const named = { vars, results, $defs }
  const encoded = Object.entries(named).flatMap(([key, schemas]) =>
    schemas === undefined ? [] : [[key, encodeSchema(schemas, false)]],
  )
  return Object.fromEntries(workload === undefined ? encoded : [['workload', encodeSchema(workload)], ...encoded]) as JsonObject
}

/** Under these a mapping's keys are names, not keywords. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependentRequired'])

function encodeKeyword(key: string, item: JsonValue, isSchema: boolean): JsonValue {
  if (isSchema && EXACT_KEYWORDS.has(key)) return EXACT + stringifyJson(item)
  return encodeSchema(item, !(isSchema && NAMED.has(key)))
}

function decode(encoded: unknown): JsonValue {
  if (typeof encoded === 'string' && encoded.startsWith(EXACT)) return parseJson(encoded.slice(1))
  return encoded as JsonValue
}

type CompileArguments = Parameters<Keyword<unknown>['compile']>

/** A keyword that looks at the value alone. */
function valueKeyword<A>(
  name: string,
  compile: (given: JsonValue) => A,
  isValid: (compiled: A, instance: JsonValue) => boolean,
): Keyword<A> {
  return {
    id: `https://json-schema.org/keyword/${name}`,
    // Read from the schema itself: what stands there may look like a reference, and is none.
    compile: async (_keyword, _ast, schema) => compile(decode(valueAt<Record<string, unknown>>(schema)[name])),
    interpret: (compiled, instance) => isValid(compiled, value<JsonValue>(instance)),
  }
}

function limitKeyword(name: string, isWithin: (order: number) => boolean): Keyword<JsonValue> {
  return valueKeyword(
    name,
    (limit) => limit,
    (limit, instance) => !isJsonNumber(instance) || !isJsonNumber(limit) || isWithin(compareNumbers(instance, limit)),
  )
}

function isOfType(instance: JsonValue, type: JsonValue): boolean {
  if (instance === null) return type === 'null'
  if (isJsonNumber(instance)) return type === 'number' || (type === 'integer' && isWhole(instance))
  if (Array.isArray(instance)) return type === 'array'
  return type === typeof instance
}

const listOf = (given: JsonValue): JsonValue[] => (Array.isArray(given) ? given : [given])

const VALUE_KEYWORDS = [
  valueKeyword('type', listOf, (types, instance) => types.some((type) => isOfType(instance, type))),
  valueKeyword('const', equalityText, (wanted, instance) => equalityText(instance) === wanted),
  valueKeyword(
    'enum',
    (given) => new Set(listOf(given).map(equalityText)),
    (wanted, instance) => wanted.has(equalityText(instance)),
  ),
  valueKeyword(
    'uniqueItems',
    (given) => given === true,
    (isWanted, instance) => !isWanted || !Array.isArray(instance) || new Set(instance.map(equalityText)).size === instance.length,
  ),
  valueKeyword(
    'pattern',
    (given) => compilePattern(String(given)),
    (pattern, instance) => typeof instance !== 'string' || pattern.test(instance),
  ),
  valueKeyword(
    'multipleOf',
    (given) => given,
    (divisor, instance) => !isJsonNumber(instance) || !isJsonNumber(divisor) || isMultipleOf(instance, divisor),
  ),
  limitKeyword('minimum', (order) => order >= 0),
  limitKeyword('maximum', (order) => order <= 0),
  limitKeyword('exclusiveMinimum', (order) => order > 0),
  limitKeyword('exclusiveMaximum', (order) => order < 0),
]

interface Evaluating {
  /** Names that a keyword beside has looked at: what `unevaluatedProperties` leaves out. */
  readonly evaluatedProperties?: Set<string>
}

interface PropertyCheck {
  readonly appliesTo: (name: string) => boolean
  readonly schema: string
}

/** A keyword that applies schemas to some of an object's properties. */
function propertiesKeyword(
  name: string,
  compile: (...given: CompileArguments) => Promise<PropertyCheck[]>,
): Keyword<PropertyCheck[]> {
  return {
    id: `https://json-schema.org/keyword/${name}`,
    simpleApplicator: true,
    compile,
    interpret(checks, instance, context) {
      if (typeOf(instance) !== 'object') return true
      let isValid = true
      for (const [key, property] of entries<JsonNode>(instance)) {
        const propertyName = value<string>(key)
        for (const { appliesTo, schema } of checks) {
          if (!appliesTo(propertyName)) continue
          if (!Validation.interpret(schema, property, context)) isValid = false
          ;(context as Evaluating).evaluatedProperties?.add(propertyName)
        }
      }
      return isValid
    },
  }
}

const PROPERTY_KEYWORDS = [
  propertiesKeyword('patternProperties', async (keyword, ast, parent) => {
    const sources = Object.keys(valueAt<object>(keyword))
    return Promise.all(
      sources.map(async (source) => {
        const pattern = compilePattern(source)
        const schema = (await step(source, keyword)) as typeof keyword
        return { appliesTo: (name: string) => pattern.test(name), schema: await Validation.compile(schema, ast, parent) }
      }),
    )
  }),
  propertiesKeyword('additionalProperties', async (keyword, ast, schema) => {
    const { properties = {}, patternProperties = {} } = valueAt<Record<string, object>>(schema)
    const patterns: Pattern[] = Object.keys(patternProperties).map(compilePattern)
    const isKnown = (name: string) => Object.hasOwn(properties, name) || patterns.some((pattern) => pattern.test(name))
    return [{ appliesTo: (name: string) => !isKnown(name), schema: await Validation.compile(keyword, ast, schema) }]
  }),
]

/**
 * Teaches the library our keywords in the place of its own: numbers by all their digits, regular expressions in linear time. Nothing
 * is ever fetched: there is no way to.
 */
export function installKeywords(): void {
  for (const keyword of VALUE_KEYWORDS) addKeyword(keyword as Keyword<unknown>)
  for (const keyword of PROPERTY_KEYWORDS) addKeyword(keyword)
  for (const scheme of ['http', 'https', 'file']) removeUriSchemePlugin(scheme)
  // By its own keywords it would refuse what ours are given.
  setShouldValidateSchema(false)
}
