import type { DocumentNode, GraphQLSchema } from 'graphql'
import { GraphQLError } from 'graphql'
import { inputCosts } from './input-cost.js'
import { type Measure, measureDocument } from './measure.js'

/** The limits of documents and messages, the same on every transport. */
export const LIMITS = {
  depth: 10,
  introspectionDepth: 16,
  aliases: 15,
  directives: 5,
  tokens: 1_000,
  cost: 100_000,
  subscriptionsPerSocket: 100,
  frameBytes: 64 * 1024,
  /** One message of a subscription: the fixed buffer of a watcher. */
  messageBytes: 24 * 1024 * 1024,
  connectionInitMs: 3_000,
} as const

const COUNTED = [
  ['depth', 'The depth of the operation'],
  ['introspectionDepth', 'The depth of the introspection'],
  ['aliases', 'The number of aliases'],
  ['directives', 'The number of directives'],
  ['cost', 'The cost of the operation (fields and the lists in their arguments, times page sizes)'],
] as const satisfies readonly (readonly [keyof Measure & keyof typeof LIMITS, string])[]

/** Everything about a document that is over a limit. */
export function findOverLimits(
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
  schema: GraphQLSchema,
): GraphQLError[] {
  const measure = measureDocument(document, variables, (given) => inputCosts(schema, document, given))
  const errors = COUNTED.filter(([name]) => measure[name] > LIMITS[name]).map(
    ([name, title]) => new GraphQLError(`${title} is ${measure[name]}, over the limit of ${LIMITS[name]}`),
  )
  if (measure.isIntrospectionNested) errors.push(new GraphQLError('A list field of the introspection stands within itself'))
  return errors
}
