import {
  GraphQLError,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLScalarType,
  GraphQLSchema,
  type GraphQLType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
} from 'graphql'
import { isJsonNumber, isLosslessNumber, numberText, toJsonNumber } from '../core/json.js'

// Request bodies are parsed with every digit kept, so a number may arrive as a LosslessNumber, which the built-in
// scalars refuse (Pothos builds none instead): an id sent as a bare number, `1.0` for an Int, a decimal of 20 digits for a Float.
const EXACT = new Map<string, GraphQLScalarType>([
  [
    'Int',
    new GraphQLScalarType({
      ...GraphQLInt.toConfig(),
      parseValue: (value) => GraphQLInt.parseValue(isLosslessNumber(value) ? Number(numberText(value)) : value),
    }),
  ],
  [
    'Float',
    new GraphQLScalarType({
      ...GraphQLFloat.toConfig(),
      parseValue: parseFloatValue,
      parseLiteral: (node) =>
        parseFloatValue(node.kind === Kind.INT || node.kind === Kind.FLOAT ? toJsonNumber(node.value) : null),
    }),
  ],
  [
    'ID',
    new GraphQLScalarType({
      ...GraphQLID.toConfig(),
      parseValue: (value) => GraphQLID.parseValue(isLosslessNumber(value) ? numberText(value) : value),
    }),
  ],
])

function parseFloatValue(value: unknown) {
  if (isJsonNumber(value)) return value
  throw new GraphQLError('Float cannot represent non numeric value')
}

/** The same schema, whose Int, Float and ID accept numbers of any length. Changes the types of the schema given. */
export function withExactNumbers(schema: GraphQLSchema): GraphQLSchema {
  const types = Object.values(schema.getTypeMap()).map((type) => EXACT.get(type.name) ?? type)
  for (const type of types) {
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        field.type = exactType(field.type)
        for (const argument of field.args) argument.type = exactType(argument.type)
      }
    } else if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) field.type = exactType(field.type)
    }
  }
  return new GraphQLSchema({ ...schema.toConfig(), types })
}

function exactType<T extends GraphQLType>(type: T): T {
  if (type instanceof GraphQLNonNull) return new GraphQLNonNull(exactType(type.ofType)) as T
  if (type instanceof GraphQLList) return new GraphQLList(exactType(type.ofType)) as T
  return (type instanceof GraphQLScalarType ? (EXACT.get(type.name) ?? type) : type) as T
}
