import { type JsonNode, keys, value } from '@hyperjump/json-schema/instance/experimental'
import { isJsonNumber, type JsonValue, numberText } from '../core/json.js'
import type { Pattern } from './pattern.js'

const MAX_SHOWN = 200
/** Of what a schema allows, or an object lacks. */
const MAX_LISTED = 20

/** What a keyword asks for, in words. Names what the schema says, and of the value its keys alone. */
export function describeFailure(keyword: string, given: unknown, instance: JsonNode): string {
  const describe = Object.hasOwn(MESSAGES, keyword) ? MESSAGES[keyword as keyof typeof MESSAGES] : undefined
  return describe ? describe(given as never, instance) : `does not fit "${keyword}" of its schema`
}

/** One for each keyword, over what the schema gives it. */
const MESSAGES = {
  type: (types: readonly JsonValue[]) => `must be ${either(types.map((type) => TYPES[String(type)] ?? String(type)))}`,
  const: (wanted: string) => `must be ${shortened(wanted)}`,
  enum: (allowed: ReadonlySet<string>) => `must be one of ${listed([...allowed])}`,
  minimum: (limit: JsonValue) => `must be at least ${text(limit)}`,
  maximum: (limit: JsonValue) => `must be at most ${text(limit)}`,
  exclusiveMinimum: (limit: JsonValue) => `must be more than ${text(limit)}`,
  exclusiveMaximum: (limit: JsonValue) => `must be less than ${text(limit)}`,
  multipleOf: (divisor: JsonValue) => `must be a multiple of ${text(divisor)}`,
  minLength: (limit: number) => `must have at least ${count(limit, 'character')}`,
  maxLength: (limit: number) => `must have at most ${count(limit, 'character')}`,
  pattern: ({ source }: Pattern) => `must match ${shortened(source)}`,
  minItems: (limit: number) => `must have at least ${count(limit, 'item')}`,
  maxItems: (limit: number) => `must have at most ${count(limit, 'item')}`,
  uniqueItems: () => 'must not have the same item twice',
  contains: () => 'does not have as many items of the kind that it must contain',
  minProperties: (limit: number) => `must have at least ${count(limit, 'key')}`,
  maxProperties: (limit: number) => `must have at most ${count(limit, 'key')}`,
  required: (names: readonly string[], instance: JsonNode) => missing(names, instance),
  dependentRequired: () => 'lacks keys that others of its keys need',
  additionalProperties: () => 'is not a key that is allowed here',
  unevaluatedProperties: () => 'is not a key that is allowed here',
  propertyNames: () => 'has a key that is not allowed here',
  items: () => 'is one item too many',
  unevaluatedItems: () => 'is one item too many',
  anyOf: () => 'must fit at least one of the schemas that are given here, and fits none',
  oneOf: () => 'must fit exactly one of the schemas that are given here',
  not: () => 'fits a schema that it must not fit',
  '': () => 'nothing is allowed here',
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'a boolean',
  object: 'an object',
  array: 'an array',
}

function missing(names: readonly string[], instance: JsonNode): string {
  const present = new Set([...keys(instance)].map((key) => value<string>(key)))
  const absent = names.filter((name) => !present.has(name)).map((name) => JSON.stringify(name))
  return `lacks ${listed(absent)}`
}

function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`
}

function listed(words: readonly string[]): string {
  const shown = words.slice(0, MAX_LISTED).map(shortened).join(', ')
  return words.length > MAX_LISTED ? `${shown} and ${words.length - MAX_LISTED} more` : shown
}

function count(limit: number, what: string): string {
  return `${limit} ${what}${limit === 1 ? '' : 's'}`
}

const text = (number: JsonValue): string => shortened(isJsonNumber(number) ? numberText(number) : String(number))

function shortened(shown: string): string {
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown
}
