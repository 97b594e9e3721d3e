import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Session } from '../../access/session.js'
import type { JsonObject } from '../../core/json.js'
import type { ReportFault } from '../errors.js'
import { LIMITS } from '../limits.js'
import type { Pipeline } from '../pipeline.js'
import { createConnection, type Socket } from './connection.js'

const TICK_MS = 2_000
const TICKS_PER_PING = 6
/** How long a reader may take nothing before it is told to come back (1013); it resumes by revision. */
const STALL_MS = 30_000
const CLOSE_GRACE_MS = 2_000
/** The close frame waits behind what the reader has not taken: who goes on within this time still learns why it was closed. */
const STALLED_GRACE_MS = 10_000
const TRY_AGAIN_LATER = 1013
const GOING_AWAY = 1001
const INTERNAL_ERROR = 1011

export interface WebSocketOptions {
  readonly pipeline: Pipeline
  readonly report: ReportFault
  /** Whose connection it is, from its upgrade request and the payload of `connection_init`; null: closed with 4403. */
  authorize(request: IncomingMessage, payload: JsonObject): Promise<Session | null>
}

export interface WebSocketDoor {
  /** Takes over an upgrade whose origin has been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Sends every client away; they resume elsewhere. */
  close(): void
}

/** GraphQL over WebSocket (graphql-transport-ws): the same pipeline as HTTP, with frames and subscriptions bounded. */
export function createWebSocketDoor({ pipeline, report, authorize }: WebSocketOptions): WebSocketDoor {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.frameBytes,
    perMessageDeflate: false,
    handleProtocols,
  })

  server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    if (socket.protocol === '') return socket.close(4406, 'Subprotocol not acceptable')
    const guarded = watchProgress(socket, request.socket, () => connection.closed())
    const connection = createConnection({
      socket: guarded,
      pipeline,
      report,
      authorize: (payload) => authorize(request, payload),
    })
    socket.on('message', (data) => {
      connection.receive(String(data)).catch((error: unknown) => {
        report('websocket', error)
        socket.close(INTERNAL_ERROR, 'Internal error')
      })
    })
    // A frame over the limit or a broken connection: ws closes the socket itself.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      guarded.stop()
      connection.closed()
    })
  })

  return {
    upgrade: (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request))
    },
    close: () => {
      for (const client of server.clients) closeSoon(client, { code: GOING_AWAY, reason: 'Going away', graceMs: CLOSE_GRACE_MS })
    },
  }
}

/** Sends with back-pressure, pings an idle reader, and closes one that takes nothing. */
function watchProgress(socket: WebSocket, line: Duplex, onStalled: () => void): Socket & { stop(): void } {
  let pending = 0
  let progressAt = Date.now()
  let isPonged = true
  let ticks = 0
  socket.on('pong', () => {
    isPonged = true
  })

  const timer = setInterval(() => {
    ticks += 1
    if (pending > 0) {
      if (Date.now() - progressAt < STALL_MS || socket.readyState !== socket.OPEN) return
      onStalled()
      closeSoon(socket, {
        code: TRY_AGAIN_LATER,
        reason: 'Slow reader: resume from the last revision',
        graceMs: STALLED_GRACE_MS,
      })
      return
    }
    if (ticks % TICKS_PER_PING > 0) return
    if (!isPonged) return socket.terminate()
    isPonged = false
    socket.ping()
  }, TICK_MS)

  return {
    send: (...parts) =>
      new Promise<void>((resolve) => {
        if (socket.readyState !== socket.OPEN) return resolve()
        if (pending === 0) progressAt = Date.now()
        pending += 1
        const last = parts.length - 1
        // Fragments of one message: a part that many sockets share is not copied for each.
        for (const [index, part] of parts.entries()) {
          if (index < last) socket.send(part, { binary: false, fin: false })
          else socket.send(part, { binary: false, fin: true }, sent)
        }
        // An error means that the socket is closing; its `close` event ends the operations.
        function sent(): void {
          pending -= 1
          progressAt = Date.now()
          resolve()
        }
      }),
    cork: () => line.cork(),
    uncork: () => line.uncork(),
    close: (code, reason) => socket.close(code, reason),
    stop: () => clearInterval(timer),
  }
}

interface Closing {
  readonly code: number
  readonly reason: string
  readonly graceMs: number
}

function closeSoon(socket: WebSocket, { code, reason, graceMs }: Closing): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), graceMs).unref()
}
