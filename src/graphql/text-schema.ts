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

const TWIN = '__text'

/** The name of the field that answers as text what `name` answers as objects. */
export function twinOf(name: string): string {
  return `${name}${TWIN}`
}

/** What a field is called for clients, twin or not. */
export function publicNameOf(name: string): string {
  return name.endsWith(TWIN) ? name.slice(0, -TWIN.length) : name
}

/**
 * The same schema for execution alone: each field of objects has a twin, a leaf, that answers what `printerOf` its node prints.
 * Resolvers, arguments and types are those of the schema given.
 */
export function withTextTwins(schema: GraphQLSchema, printerOf: PrinterOf): GraphQLSchema {
  const objects = Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType =>
      isObjectType(type) && !type.name.startsWith('__') && type !== schema.getSubscriptionType(),
  )
  const twins = new Map(objects.map((type) => [type.name, Object.values(type.getFields()).filter(isOfObjects)]))
  const extended = [...twins].filter(([, fields]) => fields.length > 0)
  const sdl = extended.map(
    ([name, fields]) => `extend type ${name} { ${fields.map((field) => `${twinOf(field.name)}: ResultText`).join(' ')} }`,
  )
  const copy = extendSchema(schema, parse(['scalar ResultText', ...sdl].join('\n')), { assumeValid: true })
  const text = copy.getType('ResultText') as GraphQLScalarType
  text.serialize = (value) => value
  for (const [name, fields] of extended) {
    const own = (copy.getType(name) as GraphQLObjectType).getFields()
    for (const { name: original } of fields) {
      const source = own[original]
      const twin = own[twinOf(original)]
      if (source === undefined || twin === undefined) continue
      twin.args = source.args
      twin.type = source.type instanceof GraphQLNonNull ? new GraphQLNonNull(text) : text
      twin.resolve = printed(source.resolve ?? defaultFieldResolver, original, printerOf)
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
    throw error instanceof PrintFault ? placed(error, path) : error
  }
}

/** The fault with the path that it would have without printing. */
function placed({ keys, cause }: PrintFault, path: Path): GraphQLError {
  const above: (string | number)[] = []
  for (let place: Path | undefined = path; place !== undefined; place = place.prev) above.unshift(place.key)
  const originalError = cause instanceof Error ? cause : new Error(String(cause))
  return new GraphQLError(originalError.message, { path: [...above, ...keys], originalError })
}
