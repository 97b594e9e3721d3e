import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { ERRORS, type ErrorCode, TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import { type Http, type HttpRequest, type HttpResponse, isMediaType, readText, responseError } from './http.js'
import { readEvents } from './sse.js'

const JSON_ANSWERS = 'application/graphql-response+json, application/json'

export type Variables = Readonly<Record<string, unknown>>

function request<Result, Input extends Variables>(document: TypedDocumentNode<Result, Input>, variables: Input): HttpRequest {
  return { method: 'POST', path: '/graphql', body: { query: print(document), variables: variables as JsonObject } }
}

function toError(error: JsonValue | undefined): TransientError {
  const { message, extensions } = isJsonObject(error ?? null) ? (error as JsonObject) : {}
  const { code, ...details } = isJsonObject(extensions ?? null) ? (extensions as JsonObject) : {}
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'INTERNAL'
  return new TransientError(known, typeof message === 'string' ? message : 'the server answered an error without a message', {
    details,
  })
}

/** The data of one GraphQL result; its shape is what the typed document promises. */
function dataOf<Result>(body: JsonValue): Result {
  const { data, errors } = isJsonObject(body) ? body : {}
  if (Array.isArray(errors) && errors.length > 0) throw toError(errors[0])
  if (!isJsonObject(data ?? null)) throw new TransientError('INTERNAL', 'the server answered neither data nor errors')
  return data as Result
}

function bodyOf(response: HttpResponse): JsonValue {
  const isGraphQL = isMediaType(response, 'application/graphql-response+json') || isMediaType(response, 'application/json')
  if (!isGraphQL) throw responseError(response)
  return parseJson(response.text)
}

/**
 * Runs a query or a mutation; numbers keep their digits in both directions.
 * @throws TransientError as the server coded it, and VALIDATION for variables that are no JSON; UnreachableError
 */
export async function execute<Result, Input extends Variables>(
  http: Http,
  document: TypedDocumentNode<Result, Input>,
  variables: Input,
): Promise<Result> {
  return dataOf(bodyOf(await http.send({ ...request(document, variables), headers: { accept: JSON_ANSWERS } })))
}

interface SubscriptionOptions {
  readonly signal: AbortSignal
  readonly onAlive: () => void
}

/** One connection's worth of a subscription over server-sent events; returns whether the server completed it. */
export async function* subscribe<Result, Input extends Variables>(
  http: Http,
  operation: { readonly document: TypedDocumentNode<Result, Input>; readonly variables: Input },
  { signal, onAlive }: SubscriptionOptions,
): AsyncGenerator<Result, boolean> {
  const stream = await http.open({
    ...request(operation.document, operation.variables),
    headers: { accept: 'text/event-stream' },
    signal,
  })
  if (!isMediaType(stream, 'text/event-stream')) {
    dataOf(bodyOf({ ...stream, text: await readText(stream.pieces) }))
    throw new TransientError('INTERNAL', 'the server answered a subscription with a single result')
  }
  for await (const event of readEvents(stream.pieces, onAlive)) {
    if (event.event === 'complete') return true
    if (event.event === 'next') yield dataOf(parseJson(event.data))
  }
  return false
}
