import { setMaxListeners } from 'node:events'
import { type ExecutionResult, GraphQLError, getOperationAST } from 'graphql'
import type { GraphQLParams, YogaServerInstance } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import type { Session } from '../access/session.js'
import { TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { parseJsonBody, readBodyText } from '../core/json-body.js'
import type { Services } from '../orchestrator/services.js'
import type { ResultMessage, WatchPosition } from './result-stream.js'

/** What the transports give along with an operation. */
export interface CallerContext {
  /** Who calls. */
  readonly session: Session
  /** The session's: every call is checked. */
  readonly services: Services
  /** What change log and audit say of the caller. */
  readonly actor: string
  /** Aborted when the caller has left: what is still read for it need not be. Most operations never ask for it. */
  readonly signal: () => AbortSignal
  /** False where the response is one JSON text: nothing can be watched there. */
  readonly takesEvents?: boolean
}

/** How far the mutations of one document have come. */
export interface Progress {
  /** A mutation whose field is not nullable was refused: those after it are not carried out. */
  isStopped: boolean
  /** The keys of mutations whose fields are not nullable. */
  readonly required: Set<string>
}

/** What every resolver gets. */
export interface GraphQLContext extends CallerContext {
  /** What was asked; variables hold every digit (core/json). */
  readonly params: GraphQLParams
  /** How far the document's mutations have come. */
  readonly progress?: Progress
  /** Of a subscription: where it goes on, and how far it came. */
  readonly position?: WatchPosition
}

export function contextOf(session: Session, signal: () => AbortSignal): CallerContext {
  return { session, services: session.services, actor: session.principal.actor, signal }
}

/** The signal of a request, or of anything else that has a signal which as many listen to as there are reads at the same time. */
export function signalOf(caller: { readonly signal: AbortSignal }): () => AbortSignal {
  return () => {
    const { signal } = caller
    setMaxListeners(0, signal)
    return signal
  }
}

/** Of what many callers share, or nobody waits for. */
export const ALWAYS_THERE = signalOf(new AbortController())

const KEYS = new Set(['query', 'variables', 'operationName', 'extensions'])

/**
 * The operation that the body of a POST asks for; its variables hold every digit.
 * @throws TransientError UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, VALIDATION
 */
export async function readOperation(request: Request): Promise<GraphQLParams> {
  if (!isJsonType(request.headers.get('content-type'))) {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON: content-type application/json')
  }
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must not be compressed: no content-encoding is read')
  }
  return checkOperation(parseJsonBody(await readBodyText(request)))
}

/** The operation that the address of a GET asks for. @throws TransientError BAD_REQUEST, VALIDATION */
export function operationOfQuery(url: string): GraphQLParams {
  const given = new URL(url).searchParams
  const parsed = (key: string) => (given.get(key) ? parseJsonBody(given.get(key) ?? '') : null)
  return checkOperation({
    query: given.get('query') || null,
    operationName: given.get('operationName') || null,
    variables: parsed('variables'),
    extensions: parsed('extensions'),
  })
}

/** @throws TransientError BAD_REQUEST when it is not a request of GraphQL over HTTP; GraphQLError when it names a stored document */
export function checkOperation(body: JsonValue | undefined): GraphQLParams {
  if (!isJsonObject(body)) throw badRequest('The body must be one JSON object; a batch is not accepted')
  const unknown = Object.keys(body).find((key) => !KEYS.has(key))
  if (unknown !== undefined) throw badRequest(`"${unknown.slice(0, 40)}" is none of ${[...KEYS].join(', ')}`)
  const { query, variables, operationName, extensions } = body
  if (!isOptional(operationName, (value) => typeof value === 'string')) throw badRequest('operationName: not text')
  if (!isOptional(variables, isJsonObject)) throw badRequest('variables: not a JSON object')
  if (!isOptional(extensions, isJsonObject)) throw badRequest('extensions: not a JSON object')
  if (typeof query !== 'string') {
    if (isJsonObject(extensions) && extensions['persistedQuery'] !== undefined) throw persistedQueryNotSupported()
    throw badRequest('query: a GraphQL document as text is needed')
  }
  const params: GraphQLParams = { query }
  if (operationName) params.operationName = operationName as string
  if (variables) params.variables = variables as JsonObject
  if (extensions) params.extensions = extensions as JsonObject
  return params
}

function badRequest(message: string): TransientError {
  return new TransientError('BAD_REQUEST', message)
}

/** Clients of automatic persisted queries go on with whole documents at this message and code. */
function persistedQueryNotSupported(): GraphQLError {
  return new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', http: { status: 200 } },
  })
}

function isOptional(value: JsonValue | undefined, isRight: (value: JsonValue) => boolean): boolean {
  return value === undefined || value === null || isRight(value)
}

function isJsonType(header: string | null): boolean {
  const [type = '', ...parameters] = (header ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.replaceAll('"', '')
  return type === 'application/json' && (charset === undefined || charset === 'charset=utf-8')
}

export const JSON_TYPE = 'application/json'
export const GRAPHQL_TYPE = 'application/graphql-response+json'
export const EVENTS_TYPE = 'text/event-stream'

export type MediaType = typeof JSON_TYPE | typeof GRAPHQL_TYPE | typeof EVENTS_TYPE

/** The media types that an Accept header allows, the best first. None given: application/json. */
export function acceptedTypes(header: string | null): readonly MediaType[] {
  const known = KNOWN.get(header ?? '')
  if (known !== undefined) return known
  const types = parse(header ?? '')
  KNOWN.set(header ?? '', types)
  return types
}

/** Clients send the same few headers again and again. */
const KNOWN = new LRUCache<string, readonly MediaType[]>({ max: 100 })

function parse(header: string): MediaType[] {
  if (header.trim() === '') return [JSON_TYPE]
  const ranges = header
    .toLowerCase()
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
      const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return { type, quality }
    })
    .filter(({ quality }) => quality > 0)
    .sort((left, right) => right.quality - left.quality)
  return [...new Set(ranges.flatMap(({ type }) => matching(type)))]
}

function matching(range: string): MediaType[] {
  if (range === '*/*') return [JSON_TYPE, GRAPHQL_TYPE, EVENTS_TYPE]
  if (range === 'application/*') return [JSON_TYPE, GRAPHQL_TYPE]
  if (range === 'text/*') return [EVENTS_TYPE]
  return [JSON_TYPE, GRAPHQL_TYPE, EVENTS_TYPE].filter((type): type is MediaType => type === range)
}

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
