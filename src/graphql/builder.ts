import SchemaBuilder from '@pothos/core'
import type { JsonValue, LosslessNumber } from '../core/json.js'
import type { GraphQLContext } from './context.js'

export interface SchemaTypes {
  Context: GraphQLContext
  DefaultFieldNullability: false
  Scalars: {
    DateTime: { Input: Date; Output: Date }
    // A decimal that a JavaScript number would round arrives with its digits (exact-numbers.ts).
    Float: { Input: number | LosslessNumber; Output: number }
    ID: { Input: string; Output: string }
    JSON: { Input: JsonValue; Output: JsonValue }
    Revision: { Input: number; Output: number }
  }
}

/** The one Pothos builder; files in types/ add to it. */
export const builder = new SchemaBuilder<SchemaTypes>({ defaultFieldNullability: false })

builder.queryType()
builder.mutationType()
builder.subscriptionType()
