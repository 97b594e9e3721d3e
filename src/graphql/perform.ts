import { type ExecutionResult, getOperationAST } from 'graphql'
import type { GraphQLParams, YogaServerInstance } from 'graphql-yoga'
import type { CallerContext } from './request.js'
import type { ResultMessage } from './result-stream.js'

/** The GraphQL server: its plugins see every operation, whatever the transport. */
export type GraphQLServer = YogaServerInstance<Record<string, unknown>, Record<string, unknown>>

/** Of a query or mutation a result, of a subscription its messages; `errors` alone: nothing ran. */
export type Performed = ExecutionResult | AsyncIterable<ResultMessage>

/** Parses, validates and runs one operation in Yoga's envelope, as its own HTTP handler does. */
export async function perform(yoga: GraphQLServer, caller: CallerContext, params: GraphQLParams): Promise<Performed> {
  const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped({ ...caller, params })
  const { variables: variableValues, operationName } = params
  const document = parse(params.query)
  const errors = validate(schema, document)
  if (errors.length > 0) return { errors }
  const args = { schema, document, contextValue: await contextFactory(), variableValues, operationName }
  const isSubscription = getOperationAST(document, operationName)?.operation === 'subscription'
  return isSubscription ? subscribe(args) : execute(args)
}
