import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Session } from '../access/session.js'
import type { Sessions } from '../access/sessions.js'
import { isTransientError, TransientError } from '../core/errors.js'
import type { ReportFault } from '../graphql/errors.js'
import { createPipeline } from '../graphql/pipeline.js'
import { createHttpHandler } from '../graphql/transport/http.js'
import { createWebSocketDoor } from '../graphql/transport/websocket.js'
import { createRestApp } from '../rest/app.js'
import { answerCors } from './cors.js'
import { bearerOf, type Guard } from './guard.js'
import type { Metrics } from './metrics.js'
import { isPageWanted, sendConsole, sendGraphiql } from './pages.js'
import { knownError, pathOf, refuse } from './refusal.js'

export interface DoorsOptions {
  readonly sessions: Sessions
  readonly corsOrigins: readonly string[]
  readonly guard: Guard
  readonly metrics: Metrics
  readonly logger: Logger
  readonly health: (path: string, response: ServerResponse) => Promise<void>
}

/** Everything that answers on the port. */
export interface Doors {
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Sends away those who watch. */
  close(): void
}

/** Builds the doors: GraphQL, REST, health, metrics and the page, each behind the same guard. */
export function createDoors({ sessions, corsOrigins, guard, metrics, logger, health }: DoorsOptions): Doors {
  const report: ReportFault = (id, fault) => logger.error({ err: fault, errorId: id }, 'a GraphQL operation failed')
  const pipeline = createPipeline(report)
  const graphql = createHttpHandler({ pipeline, report })
  const closing = new AbortController()
  const rest = createRestListener({ logger, closing: closing.signal })
  const websocket = createWebSocketDoor({
    pipeline,
    report,
    authorize: async (request, payload) => {
      const given = bearerOf(payload['authorization'] ?? payload['Authorization']) ?? guard.credentialOf(request)
      try {
        return await sessions.authenticate(given)
      } catch (error) {
        if (isTransientError(error) && error.code === 'UNAUTHENTICATED') return null
        throw error
      }
    },
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request)
    guard.checkPlace(request)
    if (path.startsWith('/health/'))
      return path === '/health/live' || path === '/health/ready' ? health(path, response) : unknown(path)
    if (answerCors(request, response, corsOrigins)) return
    if (isRead(request) && (await sendConsole(request, response, path))) return
    if (path !== '/graphql' && isPageWanted(request, path)) unknown(path)
    const session = await sessions.authenticate(guard.credentialOf(request))
    session.admit()
    if (isRead(request) && path === '/graphql' && request.headers.accept?.includes('text/html')) return sendGraphiql(response)
    if (path === '/graphql') return graphql(request, response, session)
    if (path.startsWith('/api/') || path === '/api') return rest(request, response, session)
    if (isRead(request) && path === '/metrics') {
      if (!session.principal.rights.has('read')) throw new TransientError('FORBIDDEN', 'The metrics need the right "read"')
      response.setHeader('content-type', metrics.contentType)
      response.end(await metrics.text())
      return
    }
    unknown(path)
  }

  return {
    request(request, response) {
      answer(request, response).catch((error: unknown) => refuse(request, response, knownError(error, logger)))
    },
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy())
      try {
        guard.checkPlace(request)
        if (pathOf(request) !== '/graphql') unknown(pathOf(request))
        websocket.upgrade(request, socket, head)
      } catch (error) {
        const { status, message } = knownError(error, logger)
        socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${message}\n`)
      }
    },
    close: () => {
      closing.abort()
      websocket.close()
    },
  }
}

type RestListener = (request: IncomingMessage, response: ServerResponse, session: Session) => Promise<void>

function createRestListener(options: { logger: Logger; closing: AbortSignal }): RestListener {
  const app = createRestApp(options)
  const sessions = new WeakMap<object, Session>()
  const listener = getRequestListener((request, { incoming, outgoing }) => {
    const session = sessions.get(incoming)
    if (session === undefined) throw new Error('a request came to REST without its session')
    return app.fetch(request, { session, outgoing })
  })
  return async (request, response, session) => {
    sessions.set(request, session)
    await listener(request, response)
  }
}

function isRead(request: IncomingMessage): boolean {
  return request.method === 'GET' || request.method === 'HEAD'
}

function unknown(path: string): never {
  throw new TransientError(
    'NOT_FOUND',
    `${path.slice(0, 200)} is no path of this server; it has /, /graphql, /api, /health/live, /health/ready and /metrics`,
  )
}
