import {
  defaultFieldResolver,
  extendSchema,
  type FieldNode,
  GraphQLError,
  type GraphQLField,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  parse,
} from 'graphql'
import type { Path } from 'graphql/jsutils/Path.js'
import { type Printer, PrintFault } from './printer.js'
import { ResultText } from './result-text.js'

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
