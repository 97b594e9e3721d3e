import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { TransientError } from '../core/errors.js'
import type { GraphQLEndpoint } from '../graphql/endpoint.js'
import { toClientError } from '../rest/problem.js'
import type { OriginCheck } from './origin-check.js'

interface UpgradeOptions {
  readonly originCheck: OriginCheck
  readonly graphql: GraphQLEndpoint
  readonly logger: Logger
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Hands WebSockets to GraphQL, behind the same origin check as requests. */
export function createUpgrade({ originCheck, graphql, logger }: UpgradeOptions): Upgrade {
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    try {
      originCheck.check(request)
      const path = (request.url ?? '/').split('?', 1)[0]
      if (path !== '/graphql') throw new TransientError('NOT_FOUND', 'WebSockets are served at /graphql')
      graphql.upgrade(request, socket, head)
    } catch (error) {
      const { status, message } = toClientError(error, logger)
      socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${message}\n`)
    }
  }
}
