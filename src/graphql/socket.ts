import type { Duplex } from 'node:stream'
import type { FormattedExecutionResult } from 'graphql'
import type { WebSocket as ProtocolSocket } from 'graphql-ws'
import type { WebSocket } from 'ws'
import { isTransientError, type TransientError } from '../core/errors.js'
import { isJsonObject, type JsonValue, parseJson } from '../core/json.js'
import { parseJsonBody } from '../core/json-body.js'
import type { ResultMessage } from './result-stream.js'

const TICK_MS = 2_000
const TICKS_PER_PING = 6
/** How long a reader may take nothing before it is told to come back (1013); it resumes by revision. */
const STALL_MS = 30_000
/** The close frame waits behind what the reader has not taken: who goes on within this time still learns why it was closed. */
const STALLED_GRACE_MS = 10_000
const TRY_AGAIN_LATER = 1013
/** From here on the next message waits until what was sent before has left this process. */
const BUFFERED_BYTES = 64 * 1024
/** What many subscribers get is copied for each of them only while it is small. */
const SHARED_FROM_BYTES = 16 * 1024

interface SocketOptions {
  /** The socket below, whose writes are gathered. */
  readonly line: Duplex
  readonly onFault: (error: unknown) => void
  /** The reader has taken nothing for too long: nothing is read for it any more. */
  readonly onStalled: () => void
}

/**
 * What graphql-ws reads from and writes to: messages keep every digit, sending waits for a reader that is behind, an idle one is
 * pinged, and one that takes nothing is closed.
 */
export function createSocket(client: WebSocket, { line, onFault, onStalled }: SocketOptions) {
  let pending = 0
  let pendingBytes = 0
  let progressAt = Date.now()
  let isPonged = true
  let isCorked = false
  let ticks = 0
  client.on('pong', () => {
    isPonged = true
  })

  const timer = setInterval(() => {
    ticks += 1
    if (pending > 0) {
      if (Date.now() - progressAt < STALL_MS || client.readyState !== client.OPEN) return
      onStalled()
      const reason = 'Slow reader: resume from the last revision'
      return closeSoon(client, { code: TRY_AGAIN_LATER, reason, graceMs: STALLED_GRACE_MS })
    }
    if (ticks % TICKS_PER_PING > 0) return
    if (!isPonged) return client.terminate()
    isPonged = false
    client.ping()
  }, TICK_MS)

  /** What follows in the same turn leaves in one go: a socket costs the less for each message, the more it is behind. */
  function gather(): void {
    if (isCorked) return
    isCorked = true
    line.cork()
    process.nextTick(() => {
      isCorked = false
      line.uncork()
    })
  }

  /** The parts are one message. Waits while much is under way. */
  function send(bytes: number, parts: readonly (string | Buffer)[]): Promise<void> | void {
    if (client.readyState !== client.OPEN) return
    if (pending === 0) progressAt = Date.now()
    else gather()
    pending += 1
    pendingBytes += bytes
    let resolve: (() => void) | null = null
    const last = parts.length - 1
    // Fragments of one message: a part that many sockets share is not copied for each.
    for (const [index, part] of parts.entries()) {
      if (index < last) client.send(part, { binary: false, fin: false })
      else client.send(part, { binary: false, fin: true }, sent)
    }
    // An error means that the socket is closing; its `close` event ends the operations.
    function sent(): void {
      pending -= 1
      pendingBytes -= bytes
      progressAt = Date.now()
      resolve?.()
    }
    if (pendingBytes < BUFFERED_BYTES) return
    return new Promise<void>((wake) => {
      resolve = wake
    })
  }

  const socket: ProtocolSocket = {
    protocol: client.protocol,
    send(data) {
      const message = takePrinted()
      if (message === null) return send(data.length, [data])
      // `0}` stands for the payload.
      const head = data.slice(0, -2)
      if (message.bytes < SHARED_FROM_BYTES) return send(message.bytes, [`${head}${message.text}}`])
      return send(message.bytes, [head, message.buffer(), '}'])
    },
    close: (code = 1000, reason = '') => client.close(code, reason),
    onMessage: (receive) => {
      // What a client sends along with the first message, before that is acknowledged, waits for it.
      let first: Promise<void> | null = null
      client.on('message', (data) => {
        // graphql-ws takes a message that is parsed already, although its types say text.
        const message = parseMessage(String(data)) as string
        if (first === null) first = receive(message).catch(onFault)
        else first.then(() => receive(message)).catch(onFault)
      })
    },
  }
  return { socket, stop: () => clearInterval(timer) }
}

let printed: ResultMessage | null = null

/**
 * A result as graphql-ws prints it in its message: as `0`, since it is JSON text already. `send` is called with that message at once,
 * and puts the text in.
 */
export function leftOut(message: ResultMessage): FormattedExecutionResult {
  const left = {
    toJSON() {
      printed = message
      return 0
    },
  }
  return left as FormattedExecutionResult
}

function takePrinted(): ResultMessage | null {
  const taken = printed
  printed = null
  return taken
}

const FAULT = Symbol('fault')

/** Why what a message asks for is refused, although the message is one of the protocol. */
export function faultOf(payload: { readonly [FAULT]?: TransientError }): TransientError | null {
  return payload[FAULT] ?? null
}

/** Every digit kept. What is not JSON stays text, which graphql-ws refuses. */
function parseMessage(text: string): JsonValue {
  try {
    return parseJsonBody(text)
  } catch (error) {
    if (!isTransientError(error) || error.code !== 'VALIDATION') return text
    // A key that an object has twice is no reason to end all that runs over this socket.
    const message = parseJson(text)
    if (isJsonObject(message) && isJsonObject(message['payload'])) Object.assign(message['payload'], { [FAULT]: error })
    return message
  }
}

interface Closing {
  readonly code: number
  readonly reason: string
  readonly graceMs: number
}

/** Closes a socket, and ends the connection of one that does not answer. */
export function closeSoon(socket: WebSocket, { code, reason, graceMs }: Closing): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), graceMs).unref()
}
