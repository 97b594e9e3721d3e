import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql'
import { createYoga } from 'graphql-yoga'
import { createWatchGroups } from '../variables/watch/watch-groups.js'
import { createProgress, resultOf } from './carried-out.js'
import { ALWAYS_THERE, type GraphQLContext, type Presence } from './context.js'
import { asksForSchema, createDocumentCache, hasPageVariable, type KnownDocument } from './document-cache.js'
import { clientErrors, type ReportFault } from './errors.js'
import { groupOf } from './group-key.js'
import { schema } from './index.js'
import { hasListVariable } from './input-cost.js'
import { findOverLimits, parseDocument } from './limits.js'
import { failedStream, type ResultMessage, type ResultStream, streamResults, type WatchPlace } from './result-stream.js'
import { isStream } from './subscription.js'
import { createTextPlanner } from './text-plan.js'

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
    // Documents are kept here, bounded by their size.
    parserAndValidationCache: false,
    plugins: [{ onParse: ({ setParseFn }: { setParseFn(parse: typeof parseDocument): void }) => setParseFn(parseDocument) }],
  })
  const planner = createTextPlanner(schema)
  const documents = createDocumentCache()

  const groups = createWatchGroups<ResultMessage>()

  /** A document that parses, is within the limits and valid; or what is wrong with it. */
  function known(text: string, variables: Readonly<Record<string, unknown>>): KnownDocument | readonly unknown[] {
    const found = documents.get(text)
    if (found !== undefined) {
      const overLimits = found.isCostFixed ? [] : findOverLimits(found.document, variables, schema)
      return overLimits.length > 0 ? overLimits : found
    }
    const { parse, validate } = yoga.getEnveloped({} as never)
    try {
      const document = parse(text) as DocumentNode
      const overLimits = findOverLimits(document, variables, schema)
      if (overLimits.length > 0) return overLimits
      const invalid = validate(schema, document) as readonly GraphQLError[]
      if (invalid.length > 0) return invalid
      const made = {
        document,
        plan: planner.plan(document),
        isOfSchema: asksForSchema(document),
        isCostFixed: !hasPageVariable(document) && !hasListVariable(schema, document),
      }
      documents.set(text, made)
      return made
    } catch (error) {
      return [error]
    }
  }

  function prepare(request: OperationRequest, context: GraphQLContext) {
    const refuse = (errors: readonly unknown[]) => ({ errors: clientErrors(errors, report) })
    const variables = request.variables ?? {}
    const found = known(request.query, variables)
    if (!('document' in found)) return refuse(found)
    const { document, plan, isOfSchema } = found
    const operation = getOperationAST(document, request.operationName)
    if (!operation) return refuse([unknownOperation(request.operationName)])
    const operationName = operation.name?.value
    const parts = { variableValues: variables, ...(operationName !== undefined && { operationName }) }

    async function executed(): Promise<ExecutionResult> {
      const progress = createProgress()
      const contextValue = { ...context, progress }
      // What is added for execution alone is not to be seen.
      if (isOfSchema) return execute({ ...parts, schema, document, contextValue })
      return resultOf(await execute({ ...parts, schema: planner.schema, document: plan, contextValue }), progress)
    }

    async function run(place: WatchPlace, { signal }: Pick<GraphQLContext, 'signal'>): Promise<Outcome> {
      try {
        if (operation?.operation !== 'subscription') return outcome(await executed(), report)
        const { subscribe, contextFactory } = yoga.getEnveloped({ ...context } as never)
        const contextValue = { ...(await contextFactory()), place, signal }
        const results: unknown = await subscribe({ ...parts, schema, document, contextValue })
        if (!isStream<ExecutionResult>(results)) return outcome(results as ExecutionResult, report)
        return { kind: 'stream', messages: streamResults({ results, place, report }) }
      } catch (error) {
        return { kind: 'refused', errors: clientErrors([error], report) }
      }
    }

    async function perform(): Promise<Outcome> {
      const first = await run({ after: null, event: null }, context)
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

/** A stream that goes on after a revision, for all that share it; one that cannot says why in its only message. */
async function reopen(run: (place: WatchPlace, presence: Presence) => Promise<Outcome>, after: number): Promise<ResultStream> {
  const opened = await run({ after, event: null }, ALWAYS_THERE)
  if (opened.kind === 'stream') return opened.messages
  return failedStream(opened.kind === 'refused' ? opened.errors : (opened.result.errors ?? []), after)
}

function outcome(value: ExecutionResult, report: ReportFault): Outcome {
  const result = clientResult(value, report)
  // Without `data` the request itself was at fault: a variable of the wrong type, a watch that was refused.
  return 'data' in result || !result.errors ? { kind: 'result', result } : { kind: 'refused', errors: [...result.errors] }
}

function clientResult({ data, errors, extensions }: ExecutionResult, report: ReportFault): FormattedExecutionResult {
  return {
    ...(errors && { errors: clientErrors(errors, report) }),
    ...(data !== undefined && { data }),
    ...(extensions && { extensions }),
  }
}
