import {
  type DocumentNode,
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql'
import { createYoga } from 'graphql-yoga'
import { createWatchGroups } from '../variables/watch-groups.js'
import type { GraphQLContext } from './context.js'
import { clientErrors, type ReportFault } from './errors.js'
import { groupOf } from './group-key.js'
import { schema } from './index.js'
import { findOverLimits, parseDocument } from './limits.js'
import { failedStream, type ResultMessage, type ResultStream, streamResults, type WatchPlace } from './result-stream.js'
import { isStream } from './subscription.js'

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

/** `refused`: nothing ran. A stream never throws: its last message has the errors. */
export type Outcome =
  | { readonly kind: 'refused'; readonly errors: GraphQLFormattedError[] }
  | { readonly kind: 'result'; readonly result: FormattedExecutionResult }
  | { readonly kind: 'stream'; readonly messages: ResultStream }

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

  const groups = createWatchGroups<ResultMessage>()

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
    const operationName = operation.name?.value
    const parts = { schema, document, variableValues: variables, ...(operationName !== undefined && { operationName }) }

    async function run(place: WatchPlace): Promise<Outcome> {
      try {
        const contextValue = { ...(await contextFactory()), place }
        if (operation?.operation !== 'subscription')
          return outcome((await execute({ ...parts, contextValue })) as ExecutionResult, report)
        const results: unknown = await subscribe({ ...parts, contextValue })
        if (!isStream<ExecutionResult>(results)) return outcome(results as ExecutionResult, report)
        return { kind: 'stream', messages: streamResults({ results, place, report }) }
      } catch (error) {
        return { kind: 'refused', errors: clientErrors([error], report) }
      }
    }

    async function perform(): Promise<Outcome> {
      const first = await run({ after: null, event: null })
      const group = operation && groupOf({ request, operation, viewer: context.session.id })
      if (first.kind !== 'stream' || !group) return first
      return { kind: 'stream', messages: groups.watch({ ...group, own: first.messages, open: (after) => reopen(run, after) }) }
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

/** A stream that goes on after a revision; one that cannot says why in its only message. */
async function reopen(run: (place: WatchPlace) => Promise<Outcome>, after: number): Promise<ResultStream> {
  const opened = await run({ after, event: null })
  if (opened.kind === 'stream') return opened.messages
  return failedStream(opened.kind === 'refused' ? opened.errors : (opened.result.errors ?? []), after)
}

function outcome(value: ExecutionResult, report: ReportFault): Outcome {
  const result = clientResult(value, report)
  // Without `data` the request itself was at fault: a variable of the wrong type, a watch that was refused.
  return 'data' in result || !result.errors ? { kind: 'result', result } : { kind: 'refused', errors: [...result.errors] }
}

function clientResult({ data, errors }: ExecutionResult, report: ReportFault): FormattedExecutionResult {
  return {
    ...(errors && { errors: clientErrors(errors, report) }),
    ...(data !== undefined && { data }),
  }
}
