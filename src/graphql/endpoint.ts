import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Session } from '../access/session.js'
import type { JsonObject } from '../core/json.js'
import { createClientErrors, type ReportFault } from './errors.js'
import { createPost, isPlainPost } from './post.js'
import { acceptedTypes, contextOf, EVENTS_TYPE, signalOf } from './request.js'
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
