import { isAsyncIterable } from 'graphql-yoga'
import type { Session } from '../access/session.js'
import type { ToClientError } from './errors.js'
import { type GraphQLServer, perform } from './perform.js'
import { TOKEN_HEADER } from './plugins/single-connection.js'
import { acceptedTypes, contextOf, EVENTS_TYPE, GRAPHQL_TYPE, JSON_TYPE, readOperation, signalOf } from './request.js'
import { eventResponse, jsonResponse } from './response.js'

interface PostOptions {
  readonly yoga: GraphQLServer
  readonly toClientError: ToClientError
}

/** `cut` ends the connection of a reader that takes nothing. */
export type Post = (request: Request, session: Session, cut: () => void) => Promise<Response>

/** Whether a request is what programs send by far the most: one JSON body of a known length, for a response in JSON. */
export function isPlainPost({ method, headers, url }: Request): boolean {
  if (method !== 'POST' || !headers.has('content-length') || headers.has(TOKEN_HEADER) || url.includes('?')) return false
  const [type] = acceptedTypes(headers.get('accept'))
  return type === JSON_TYPE || type === GRAPHQL_TYPE
}

/**
 * Handles plain POSTs in Yoga's envelope, without its HTTP handler, which costs ten times the processor time of the rest
 * (docs/decisions/0025-the-packages-of-the-graphql-server.md). Its responses are the same: one suite runs through both.
 */
export function createPost({ yoga, toClientError }: PostOptions): Post {
  return async (request, session, cut) => {
    const types = acceptedTypes(request.headers.get('accept'))
    const [type] = types
    try {
      const caller = { ...contextOf(session, signalOf(request)), takesEvents: types.includes(EVENTS_TYPE) }
      const result = await perform(yoga, caller, await readOperation(request))
      return isAsyncIterable(result) ? eventResponse(result, cut) : jsonResponse(result, type)
    } catch (error) {
      return jsonResponse({ errors: [toClientError(error)] }, type)
    }
  }
}
