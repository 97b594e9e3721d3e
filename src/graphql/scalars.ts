import { GraphQLError, Kind, type ValueNode } from 'graphql'
import { TransientError } from '../core/errors.js'
import { isJsonNumber, type JsonValue, numberText, toJsonNumber } from '../core/json.js'
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

const ISO_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i

function parseDateTime(value: unknown): Date {
  const date = typeof value === 'string' && ISO_DATE_TIME.test(value) && isCalendarDay(value) ? new Date(value) : null
  if (date !== null && !Number.isNaN(date.getTime())) return date
  throw new TransientError('VALIDATION', 'a DateTime is ISO 8601 text with an offset, such as "2026-01-31T12:00:00Z"')
}

/** JavaScript's Date takes the 30th of February for the 1st or 2nd of March. */
function isCalendarDay(text: string): boolean {
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10))
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
