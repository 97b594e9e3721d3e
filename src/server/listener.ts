import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from '../config.js'
import { errorMessage, TransientError } from '../core/errors.js'
import { cutDeadPeers } from './dead-peers.js'
import type { Doors } from './doors.js'
import { refuse } from './refusal.js'

const GRACE_MS = 1_000
const KEEP_ALIVE_MS = 12_000
/** How late the two limits of sending a request may be; Node's own half a minute would treble the first. */
const CHECKING_MS = 2_000

/** A port that is taken before anything else is opened: two servers on one port fail early, and PORT 0 is known to all. */
export interface Listener {
  readonly port: number
  readonly url: string
  /** From here on requests are answered; until then with 503. */
  open(doors: Doors): void
  /** No new connection, idle ones closed; what still runs after a second is cut off. */
  close(): Promise<void>
}

/**
 * Binds the port.
 * @throws Error with what to do when that fails
 */
export async function listen({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Listener> {
  let doors: Doors | null = null
  // A peer that has gone without a word is found so where nothing is on its way to it; else `cutDeadPeers` finds it.
  const alive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  const server = createServer(
    { ...alive, connectionsCheckingInterval: CHECKING_MS },
    (request: IncomingMessage, response: ServerResponse) => {
      if (doors !== null) return doors.request(request, response)
      refuse(request, response, new TransientError('OVERLOADED', 'The server is starting; try again in a moment'))
    },
  )
  cutDeadPeers(server)
  // A client may take its time over a long watch, not over sending a request.
  server.headersTimeout = 15_000
  server.requestTimeout = 60_000
  server.on('upgrade', (request, socket, head) => (doors === null ? socket.destroy() : doors.upgrade(request, socket, head)))

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
    open: (opened) => {
      doors = opened
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      doors?.close()
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS)
      await closed
      clearTimeout(cut)
    },
  }
}
