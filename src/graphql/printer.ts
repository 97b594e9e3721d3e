import {
  defaultFieldResolver,
  type ExecutionResult,
  extendSchema,
  type FieldNode,
  GraphQLError,
  type GraphQLField,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
} from 'graphql'
import type { Path } from 'graphql/jsutils/Path.js'
import { isLosslessNumber, type JsonValue, stringifyJson } from '../core/json.js'
import type { Restricted } from './rights-plugin.js'

/** Prints what a resolver gave, as the selection asks for it. @throws PrintFault */
export type Printer = (value: unknown) => string

/** Given to fields whose resolver is a pure, synchronous function of the parent alone (fields that expose a property of their own name are known to be). */
export const PLAIN = { isPlain: true } as const

/** Given to plain fields whose parent may have their JSON text already; it returns null where the parent has not. */
export function textFrom<Parent>(text: (parent: Parent) => string | null) {
  return { ...PLAIN, textFrom: text }
}

/** What went wrong while printing, and where below the printed field. */
export class PrintFault extends Error {
  readonly keys: (string | number)[] = []

  constructor(cause: unknown) {
    super('a selection could not be printed', { cause })
  }
}

/**
 * A printer for the selection of a field; null when not all of it is plain: fields without arguments, fragments or directives
 * whose value comes from the parent alone. `fieldName` names the field where a null is at fault.
 */
export function createPrinter(type: GraphQLOutputType, node: FieldNode, fieldName: string): Printer | null {
  if (isNonNullType(type)) {
    const print = createPrinter(type.ofType, node, fieldName)
    return print && ((value) => (value === null || value === undefined ? refuseNull(fieldName) : print(value)))
  }
  if (isListType(type)) return listPrinter(createPrinter(type.ofType, node, fieldName))
  if (isLeafType(type)) return orNull((value) => stringifyLeaf(type.serialize(value)))
  return isObjectType(type) ? objectPrinter(type, node) : null
}

function listPrinter(print: Printer | null): Printer | null {
  if (print === null) return null
  return orNull((value) => {
    let text = '['
    let index = 0
    for (const item of value as Iterable<unknown>) {
      text += index === 0 ? '' : ','
      try {
        text += print(item)
      } catch (error) {
        throw faultAt(index, error)
      }
      index += 1
    }
    return `${text}]`
  })
}

interface Part {
  readonly key: string
  /** `"key":`, with a comma before it where it is not the first. */
  readonly head: string
  readonly read: (source: unknown) => unknown
  readonly print: Printer
}

function objectPrinter(type: GraphQLObjectType, { selectionSet }: FieldNode): Printer | null {
  if (isRestricted(type)) return null
  const parts: Part[] = []
  for (const selection of selectionSet?.selections ?? []) {
    if (selection.kind !== Kind.FIELD || selection.directives?.length || selection.arguments?.length) return null
    const key = (selection.alias ?? selection.name).value
    const source = selection.name.value === '__typename' ? typenamePart(type) : fieldPart(type, selection)
    if (source === null || parts.some((part) => part.key === key)) return null
    parts.push({ ...source, key, head: `${parts.length === 0 ? '' : ','}${JSON.stringify(key)}:` })
  }
  return orNull((value) => {
    let text = '{'
    for (const { key, head, read, print } of parts) {
      try {
        text += head + print(read(value))
      } catch (error) {
        throw faultAt(key, error)
      }
    }
    return `${text}}`
  })
}

function typenamePart({ name }: GraphQLObjectType): Pick<Part, 'read' | 'print'> {
  return { read: () => name, print: () => JSON.stringify(name) }
}

function fieldPart(type: GraphQLObjectType, node: FieldNode): Pick<Part, 'read' | 'print'> | null {
  const field = type.getFields()[node.name.value]
  const read = field && readerOf(field)
  const print = field && read && createPrinter(field.type, node, `${type.name}.${field.name}`)
  if (!read || !print) return null
  const text = field.extensions['textFrom'] as ((source: unknown) => string | null) | undefined
  if (text === undefined) return { read, print }
  return { read: (source) => source, print: (source) => text(source) ?? print(read(source)) }
}

/** How a plain field is read from its parent; null for any other. */
function readerOf(field: GraphQLField<unknown, unknown>): Part['read'] | null {
  const { name, args, resolve = defaultFieldResolver, extensions } = field
  if (isRestricted(field)) return null
  if (resolve === defaultFieldResolver) return (source) => (source as Record<string, unknown>)[name]
  if (extensions['isPlain'] !== true || args.length > 0) return null
  return (source) => resolve(source, {}, undefined, undefined as never)
}

function isRestricted({ extensions }: { readonly extensions: Restricted }): boolean {
  return extensions.isRestricted === true
}

function orNull(print: Printer): Printer {
  return (value) => (value === null || value === undefined ? 'null' : print(value))
}

function refuseNull(fieldName: string): never {
  throw new Error(`Cannot return null for non-nullable field ${fieldName}.`)
}

function faultAt(key: string | number, error: unknown): PrintFault {
  const fault = error instanceof PrintFault ? error : new PrintFault(error)
  fault.keys.unshift(key)
  return fault
}

const SUFFIX = '__text'

/** The name of the field that returns as text what `name` returns as objects. */
export function textFieldName(name: string): string {
  return `${name}${SUFFIX}`
}

/** What a field is called for clients, text field or not. */
export function publicNameOf(name: string): string {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name
}

/**
 * The same schema for execution alone: each field of objects has a text field, a leaf, that returns what `printerOf` its node prints.
 * Resolvers, arguments and types are those of the schema given.
 */
export function withTextFields(schema: GraphQLSchema, printerOf: PrinterOf): GraphQLSchema {
  const objects = Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType =>
      isObjectType(type) && !type.name.startsWith('__') && type !== schema.getSubscriptionType(),
  )
  const textFields = new Map(objects.map((type) => [type.name, Object.values(type.getFields()).filter(isOfObjects)]))
  const extended = [...textFields].filter(([, fields]) => fields.length > 0)
  const sdl = extended.map(
    ([name, fields]) => `extend type ${name} { ${fields.map((field) => `${textFieldName(field.name)}: ResultText`).join(' ')} }`,
  )
  const copy = extendSchema(schema, parse(['scalar ResultText', ...sdl].join('\n')), { assumeValid: true })
  const text = copy.getType('ResultText') as GraphQLScalarType
  text.serialize = (value) => value
  for (const [name, fields] of extended) {
    const own = (copy.getType(name) as GraphQLObjectType).getFields()
    for (const { name: original } of fields) {
      const source = own[original]
      const textField = own[textFieldName(original)]
      if (source === undefined || textField === undefined) continue
      textField.args = source.args
      textField.type = source.type instanceof GraphQLNonNull ? new GraphQLNonNull(text) : text
      textField.resolve = printed(source.resolve ?? defaultFieldResolver, original, printerOf)
    }
  }
  return copy
}

function isOfObjects(field: GraphQLField<unknown, unknown>): boolean {
  return isObjectType(getNamedType(field.type))
}

type Resolve = NonNullable<GraphQLField<unknown, unknown>['resolve']>
type PrinterOf = (node: FieldNode) => Printer | undefined

function printed(resolve: Resolve, fieldName: string, printerOf: PrinterOf): Resolve {
  return (source, args, context, info) => {
    // graphql-js' own resolver reads the property that its field is named like.
    const value: unknown = resolve(source, args, context, resolve === defaultFieldResolver ? { ...info, fieldName } : info)
    return value instanceof Promise ? value.then((settled) => print(settled, info, printerOf)) : print(value, info, printerOf)
  }
}

function print(value: unknown, { fieldNodes: [node], path }: GraphQLResolveInfo, printerOf: PrinterOf): ResultText | null {
  if (value === null || value === undefined) return null
  const printer = node && printerOf(node)
  if (printer === undefined) throw new Error('a plain selection has no printer')
  try {
    return new ResultText(printer(value))
  } catch (error) {
    throw error instanceof PrintFault ? atPath(error, path) : error
  }
}

/** The fault with the path that it would have without printing. */
function atPath({ keys, cause }: PrintFault, path: Path): GraphQLError {
  const above: (string | number)[] = []
  for (let step: Path | undefined = path; step !== undefined; step = step.prev) above.unshift(step.key)
  const originalError = cause instanceof Error ? cause : new Error(String(cause))
  return new GraphQLError(originalError.message, { path: [...above, ...keys], originalError })
}

/** The JSON text of a result, every digit kept. JSON.stringify is several times as fast, so it does what it can. */
export function stringifyResult({ errors, ...rest }: ExecutionResult): string {
  const result = errors === undefined ? rest : { errors: errors.map((error) => error.toJSON()), ...rest }
  if (hasText(result)) return splice(result)
  return hasLosslessNumber(result) ? stringifyJson(result as JsonValue) : JSON.stringify(result)
}

function hasText(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof ResultText) return true
  if (Array.isArray(value)) return value.some(hasText)
  for (const key in value) if (hasText((value as Record<string, unknown>)[key])) return true
  return false
}

/** What is printed already, amid what is not. */
function splice(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (value instanceof ResultText) return value.text
  if (isLosslessNumber(value)) return value.value
  if (Array.isArray(value)) return `[${value.map(splice).join()}]`
  const parts: string[] = []
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) parts.push(`${JSON.stringify(key)}:${splice(item)}`)
  }
  return `{${parts.join()}}`
}

/** A piece of a response that is JSON text already. */
export class ResultText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Quotes, backslashes, control characters and lone halves of pairs need JSON.stringify; most texts have none. */
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/

/** The JSON text of a leaf as a scalar serialises it, every digit kept. */
export function stringifyLeaf(value: unknown): string {
  if (typeof value === 'string') return value.length < 64 && !NEEDS_ESCAPE.test(value) ? `"${value}"` : JSON.stringify(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  return hasLosslessNumber(value) ? stringifyJson(value as JsonValue) : (JSON.stringify(value) ?? 'null')
}

/** Whether JSON.stringify would lose a digit. */
export function hasLosslessNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isLosslessNumber(value)) return true
  if (Array.isArray(value)) return value.some(hasLosslessNumber)
  return Object.values(value).some(hasLosslessNumber)
}
