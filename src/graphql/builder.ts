import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
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
  type ValueNode,
} from 'graphql'
import { TransientError } from '../core/errors.js'
import { isJsonNumber, isLosslessNumber, type JsonValue, type LosslessNumber, numberText, toJsonNumber } from '../core/json.js'
import { RIGHTS, type Right } from '../core/principal.js'
import { parseTime } from '../core/time.js'
import { publicNameOf } from './printer.js'
import type { GraphQLContext } from './request.js'
import { RIGHTS_PLUGIN } from './rights-plugin.js'

export interface SchemaTypes {
  Context: GraphQLContext
  DefaultFieldNullability: false
  /** The rights of the caller; `known`: every caller whose credential is good. */
  AuthScopes: Record<Right | 'known', boolean>
  Scalars: {
    DateTime: { Input: Date; Output: Date }
    // A decimal that a JavaScript number would round arrives with its digits (scalars.ts).
    Float: { Input: number | LosslessNumber; Output: number }
    ID: { Input: string; Output: string }
    JSON: { Input: JsonValue; Output: JsonValue }
    Revision: { Input: number; Output: number }
  }
}

/**
 * The one Pothos builder; files in types/ add to it. The services check every call (src/access): `authScopes` of the
 * root fields are the second net.
 */
export const builder = new SchemaBuilder<SchemaTypes>({
  defaultFieldNullability: false,
  plugins: [ScopeAuthPlugin, RIGHTS_PLUGIN],
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ session: { principal } }) => {
      const scopes = RIGHTS.map((right) => [right, principal.rights.has(right)] as const)
      return { ...(Object.fromEntries(scopes) as Record<Right, boolean>), known: true }
    },
    unauthorizedError: (_parent, { session: { principal } }, { fieldName }) =>
      new TransientError(
        'FORBIDDEN',
        `${publicNameOf(fieldName)}: "${principal.name}" with the role ${principal.role} may not do this`,
      ),
  },
})

builder.queryType()
builder.mutationType()
builder.subscriptionType()

builder.scalarType('DateTime', {
  description: 'ISO 8601 with an offset, in UTC on the way out.',
  serialize: (value) => value.toISOString(),
  parseValue: parseDateTime,
})

builder.scalarType('JSON', {
  description: 'Any JSON value. Integers keep every digit, in and out.',
  serialize: (value) => value,
  parseValue: (value) => value as JsonValue,
  parseLiteral: (node, variables) => literalValue(node, variables ?? {}),
})

builder.scalarType('Revision', {
  description: 'A per-execution counter below 2^53, as a JSON number.',
  serialize: (value) => value,
  parseValue: parseRevision,
  parseLiteral: (node) => parseRevision(node.kind === Kind.INT || node.kind === Kind.FLOAT ? toJsonNumber(node.value) : null),
})

const WITH_OFFSET = /T.*(?:Z|[+-]\d\d:?\d\d)$/i

function parseDateTime(value: unknown): Date {
  const time = typeof value === 'string' && WITH_OFFSET.test(value) ? parseTime(value) : null
  if (time !== null) return time
  throw new TransientError('VALIDATION', 'a DateTime is ISO 8601 text with an offset, such as "2026-01-31T12:00:00Z"')
}

function parseRevision(value: unknown): number {
  const revision = isJsonNumber(value) ? Number(numberText(value)) : Number.NaN
  if (Number.isSafeInteger(revision) && revision >= 0) return revision
  throw new TransientError('VALIDATION', 'a revision is a whole number from 0 to 2^53-1')
}

/** A value written in the document itself, with the digits as written. */
function literalValue(node: ValueNode, variables: Record<string, unknown>): JsonValue {
  switch (node.kind) {
    case Kind.NULL:
      return null
    case Kind.INT:
    case Kind.FLOAT:
      return toJsonNumber(node.value)
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value
    case Kind.LIST:
      return node.values.map((item) => literalValue(item, variables))
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literalValue(field.value, variables)]))
    case Kind.VARIABLE:
      return (variables[node.name.value] as JsonValue | undefined) ?? null
    default:
      throw new GraphQLError(`${node.value} is an enum value; JSON text is written in quotes`, { nodes: node })
  }
}

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
