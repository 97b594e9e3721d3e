import type { ExecutionResult } from 'graphql'
import { eventStream } from '../core/event-stream.js'
import { ClientError } from './errors.js'
import { stringifyResult } from './printer.js'
import { EVENTS_TYPE, JSON_TYPE, type MediaType } from './request.js'
import { messageOf, ResultMessage } from './result-stream.js'

const PING_MS = 12_000
const OPENING = Buffer.from(':\n\n')
const CLOSING = Buffer.from('event: complete\ndata:\n\n')

/** One result as a JSON response, every digit kept, with the status that GraphQL over HTTP gives it. */
export function jsonResponse(result: ExecutionResult, type: MediaType = JSON_TYPE): Response {
  const { errors } = result
  const retry = errors?.some(({ extensions }) => extensions['code'] === 'OVERLOADED') ? { 'retry-after': '1' } : {}
  return new Response(stringifyResult(result), {
    status: statusOf(result, type),
    headers: { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store', ...retry },
  })
}

/** 200 for whatever ran; a document at fault is 200 as application/json, for clients from before the other type. */
function statusOf(result: ExecutionResult, type: MediaType): number {
  const error = refusalOf(result)
  if (error === null) return 200
  if (error.refused === 'request') return error.status
  return error.refused === 'document' && type === JSON_TYPE ? 200 : 400
}

/** Why nothing ran. */
export function refusalOf({ data, errors }: ExecutionResult): ClientError | null {
  const [first] = errors ?? []
  return data === undefined && first instanceof ClientError ? first : null
}

/** Results as server-sent events (graphql-sse, distinct connections). `cut` ends the connection of a reader that takes nothing. */
export function eventResponse(results: AsyncIterable<unknown>, cut?: () => void): Response {
  const iterator = results[Symbol.asyncIterator]()
  const events = {
    async next() {
      const { done, value } = await iterator.next()
      if (done) return null
      return value instanceof ResultMessage ? value : messageOf(value as ExecutionResult)
    },
    takeReady: () => null,
    close: () => void iterator.return?.().then(undefined, () => undefined),
  }
  const headers = { 'content-type': EVENTS_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
  return new Response(eventStream({ events, opening: OPENING, closing: CLOSING, pingMs: PING_MS, cut }), { headers })
}
