import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server'
import type { Logger } from 'pino'
import type { Config } from '../config.js'
import { errorMessage, TransientError } from '../core/errors.js'
import { answerProblem } from '../rest/problem.js'
import { createStartingApp } from './app.js'
import { cutDeadPeers } from './dead-peers.js'
import type { Upgrade } from './upgrade.js'

const GRACE_MS = 1_000
const KEEP_ALIVE_MS = 12_000
/** How late the two limits of sending a request may be; Node's own half a minute would treble the first. */
const CHECKING_MS = 2_000

type Fetch = (request: Request, env: HttpBindings) => Response | Promise<Response>

/** What serves the port. */
export interface Opened {
  readonly fetch: Fetch
  readonly upgrade: Upgrade
  /** Sends away those who watch. */
  close(): void
}

/** A port that is taken before anything else is opened: two servers on one port fail early, and PORT 0 is known to all. */
export interface Listener {
  readonly port: number
  readonly url: string
  /** From here on requests are served; until then they get 503. */
  open(opened: Opened): void
  /** No new connection, idle ones closed; what still runs after a second is cut off. */
  close(): Promise<void>
}

interface ListenOptions extends Pick<Config, 'host' | 'port'> {
  readonly logger: Logger
}

/**
 * Binds the port.
 * @throws Error with what to do when that fails
 */
export async function listen({ host, port, logger }: ListenOptions): Promise<Listener> {
  let opened: Opened | null = null
  const starting = createStartingApp(logger)
  // A peer that has silently disappeared is found so where nothing is on its way to it; else `cutDeadPeers` finds it.
  const alive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  const response: Fetch = (request, env) => (opened ?? starting).fetch(request, env)
  const server = createServer(
    { ...alive, connectionsCheckingInterval: CHECKING_MS },
    getRequestListener(response as Parameters<typeof getRequestListener>[0], {
      errorHandler: refuseUnreadable,
      hostname: 'localhost',
    }),
  )
  cutDeadPeers(server)
  // A client may take its time over a long watch, not over sending a request.
  server.headersTimeout = 15_000
  server.requestTimeout = 60_000
  server.on('upgrade', (request, socket, head) => (opened === null ? socket.destroy() : opened.upgrade(request, socket, head)))

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`Cannot listen on ${host}:${port} (${errorMessage(error)}); set HOST or PORT`)),
    )
    server.listen(port, host.replace(/^\[|\]$/g, ''), resolve)
  })
  const bound = (server.address() as AddressInfo).port
  const shown = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host

  return {
    port: bound,
    url: `http://${shown}:${bound}`,
    open: (given) => {
      opened = given
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      opened?.close()
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS)
      await closed
      clearTimeout(cut)
    },
  }
}

/** A request that cannot even be read: its target or Host is none. */
function refuseUnreadable(error: unknown): Response {
  if (!(error instanceof RequestError)) throw error
  const isHost = error.message.toLowerCase().includes('host')
  return answerProblem(
    isHost
      ? new TransientError('FORBIDDEN', 'The Host header is not valid')
      : new TransientError('BAD_REQUEST', 'The target of the request is not valid'),
  )
}
