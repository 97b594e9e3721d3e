import { GraphQLError, GraphQLFloat, GraphQLID, GraphQLInt, type GraphQLScalarType, Kind } from 'graphql'
import { isJsonNumber, isLosslessNumber, numberText, toJsonNumber } from '../core/json.js'
import { builder } from './builder.js'

// Request bodies are parsed with every digit kept, so a number may arrive as a LosslessNumber, which the scalars of graphql-js
// refuse: an id sent as a bare number, `1.0` for an Int, a decimal of 20 digits for a Float.

builder.scalarType('Int', {
  ...scalarOf(GraphQLInt),
  parseValue: (value) => GraphQLInt.parseValue(isLosslessNumber(value) ? Number(numberText(value)) : value),
})

builder.scalarType('Float', {
  ...scalarOf(GraphQLFloat),
  parseValue: parseFloatValue,
  parseLiteral: (node) => parseFloatValue(node.kind === Kind.INT || node.kind === Kind.FLOAT ? toJsonNumber(node.value) : null),
})

builder.scalarType('ID', {
  ...scalarOf(GraphQLID),
  parseValue: (value) => GraphQLID.parseValue(isLosslessNumber(value) ? numberText(value) : value),
})

/** What a scalar of graphql-js does where ours does the same. */
function scalarOf<Internal>({ description, serialize, parseLiteral }: GraphQLScalarType<Internal>) {
  return { description: description ?? '', serialize: serialize as (value: unknown) => Internal, parseLiteral }
}

function parseFloatValue(value: unknown) {
  if (isJsonNumber(value)) return value
  throw new GraphQLError('Float cannot represent non numeric value')
}
