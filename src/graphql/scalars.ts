import { GraphQLError, Kind, type ValueNode } from 'graphql'
import { TransientError } from '../core/errors.js'
import { isJsonNumber, type JsonValue, numberText, toJsonNumber } from '../core/json.js'
import { parseTime } from '../core/time.js'
import { builder } from './builder.js'

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
