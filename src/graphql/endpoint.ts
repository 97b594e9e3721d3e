import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isAsyncIterable } from 'graphql-yoga'
import type { Session } from '../access/session.js'
import type { JsonObject } from '../core/json.js'
import { createClientErrors, type ReportFault, type ToClientError } from './errors.js'
import { TOKEN_HEADER } from './plugins/single-connection.js'
import {
  acceptedTypes,
  contextOf,
  EVENTS_TYPE,
  GRAPHQL_TYPE,
  type GraphQLServer,
  JSON_TYPE,
  perform,
  readOperation,
  signalOf,
} from './request.js'
import { eventResponse, jsonResponse } from './response.js'
import { createGraphQLServer } from './server.js'
import { createWebSocketEndpoint } from './websocket.js'

export interface GraphQLEndpointOptions {
  readonly report: ReportFault
  /** Whose WebSocket it is, from its upgrade request and the payload of `connection_init`; null: closed with 4403. */
  authorize(request: IncomingMessage, payload: JsonObject): Promise<Session | null>
}

/** GraphQL on its transports. */
export interface GraphQLEndpoint {
  /** GraphiQL, which everyone may see. */
  page(request: Request): Promise<Response>
  /** `cut` ends the connection of a reader that takes nothing. */
  handle(request: Request, session: Session, cut: () => void): Promise<Response>
  /** Takes over an upgrade whose origin has been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Sends those who watch over WebSockets away; they resume elsewhere. */
  close(): void
}

/** Builds the transports on one Yoga server: plain POSTs in its envelope, everything else over HTTP by its own handler. */
export function createGraphQLEndpoint({ report, authorize }: GraphQLEndpointOptions): GraphQLEndpoint {
  const toClientError = createClientErrors(report)
  const yoga = createGraphQLServer(toClientError)
  const post = createPost({ yoga, toClientError })
  const sockets = createWebSocketEndpoint({ yoga, toClientError, report, authorize })

  return {
    page: async (request) => yoga.fetch(request),
    async handle(request, session, cut) {
      if (isPlainPost(request)) return post(request, session, cut)
      const takesEvents = acceptedTypes(request.headers.get('accept')).includes(EVENTS_TYPE)
      return yoga.fetch(request, { ...contextOf(session, signalOf(request)), takesEvents, cut })
    },
    upgrade: sockets.upgrade,
    close: sockets.close,
  }
}

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
