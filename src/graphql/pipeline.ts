import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql'
import { createYoga } from 'graphql-yoga'
import type { GraphQLContext } from './context.js'
import { clientErrors, type ReportFault } from './errors.js'
import { schema } from './index.js'
import { findOverLimits, parseDocument } from './limits.js'
import { isStream, mapStream } from './subscription.js'

/** What a client asks, on any transport; variables hold every digit (core/json). */
export interface OperationRequest {
  readonly query: string
  readonly operationName?: string | null | undefined
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined
}

/** A request that may run: it parses, is valid and within the limits. */
export interface PreparedOperation {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  perform(): Promise<Outcome>
}

/** `refused`: nothing ran. A stream's results never throw: its last one has the error. */
export type Outcome =
  | { readonly kind: 'refused'; readonly errors: GraphQLFormattedError[] }
  | { readonly kind: 'result'; readonly result: FormattedExecutionResult }
  | { readonly kind: 'stream'; readonly results: AsyncGenerator<FormattedExecutionResult, void, undefined> }

/** The one way of every operation, whatever the transport: parse, limits, validate, execute, errors with codes. */
export interface Pipeline {
  prepare(request: OperationRequest, context: GraphQLContext): PreparedOperation | { readonly errors: GraphQLFormattedError[] }
}

/** Builds the pipeline on Yoga's envelope, whose plugins see every transport alike. */
export function createPipeline(report: ReportFault): Pipeline {
  const yoga = createYoga<GraphQLContext>({
    schema,
    // Errors are masked in clientErrors, and no request goes through Yoga's own HTTP handler.
    maskedErrors: false,
    logging: false,
    graphiql: false,
    landingPage: false,
    plugins: [{ onParse: ({ setParseFn }: { setParseFn(parse: typeof parseDocument): void }) => setParseFn(parseDocument) }],
  })

  function prepare(request: OperationRequest, context: GraphQLContext) {
    const { parse, validate, execute, subscribe, contextFactory } = yoga.getEnveloped({ ...context } as never)
    const refuse = (errors: readonly unknown[]) => ({ errors: clientErrors(errors, report) })
    let document: DocumentNode
    try {
      document = parse(request.query) as DocumentNode
    } catch (error) {
      return refuse([error])
    }
    const variables = request.variables ?? {}
    const overLimits = findOverLimits(document, variables)
    if (overLimits.length > 0) return refuse(overLimits)
    const invalid = validate(schema, document) as readonly GraphQLError[]
    if (invalid.length > 0) return refuse(invalid)
    const operation = getOperationAST(document, request.operationName)
    if (!operation) return refuse([unknownOperation(request.operationName)])
    const isSubscription = operation.operation === 'subscription'

    async function perform(): Promise<Outcome> {
      const operationName = operation?.name?.value
      const parts = { schema, document, variableValues: variables, ...(operationName !== undefined && { operationName }) }
      try {
        const contextValue = await contextFactory()
        const run: (parts: ExecutionArgs) => unknown = isSubscription ? subscribe : execute
        return outcome(await run({ ...parts, contextValue }), report)
      } catch (error) {
        return { kind: 'refused', errors: clientErrors([error], report) }
      }
    }
    return { schema, document, operation, perform }
  }
  return { prepare }
}

function unknownOperation(name: string | null | undefined): GraphQLError {
  return new GraphQLError(
    name ? `The document has no operation "${name}"` : 'The document has several operations: operationName says which to run',
  )
}

function outcome(value: unknown, report: ReportFault): Outcome {
  if (isStream<ExecutionResult>(value)) {
    const results = mapStream(value, {
      map: (result) => clientResult(result, report),
      recover: (error) => ({ errors: clientErrors([error], report) }),
    })
    return { kind: 'stream', results }
  }
  const result = clientResult(value as ExecutionResult, report)
  // Without `data` the request itself was at fault: a variable of the wrong type, a watch that was refused.
  return 'data' in result || !result.errors ? { kind: 'result', result } : { kind: 'refused', errors: [...result.errors] }
}

function clientResult({ data, errors }: ExecutionResult, report: ReportFault): FormattedExecutionResult {
  return {
    ...(errors && { errors: clientErrors(errors, report) }),
    ...(data !== undefined && { data }),
  }
}
