import { WebSocket } from 'ws'
import { type JsonObject, parseJson } from '../../src/core/json.js'

export interface TestSocket {
  readonly socket: WebSocket
  send(message: object | string): void
  /** The next message, as it came. */
  next(): Promise<string>
  /** The next message of an operation. */
  nextOf(id: string): Promise<JsonObject>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

/** A client of graphql-transport-ws that hides nothing. */
export async function openSocket(
  url: string,
  headers: Record<string, string> = {},
  protocol = 'graphql-transport-ws',
): Promise<TestSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol === '' ? [] : [protocol], { headers })
  const messages: string[] = []
  const waiting: ((message: string) => void)[] = []
  socket.on('message', (data) => {
    const receive = waiting.shift()
    if (receive) receive(String(data))
    else messages.push(String(data))
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  const next = (): Promise<string> => {
    const message = messages.shift()
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message)
  }
  return {
    socket,
    closed,
    next,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async nextOf(id) {
      for (;;) {
        const message = parseJson(await next()) as JsonObject
        if (message['id'] === id) return message
      }
    },
  }
}

/** A socket whose connection was acknowledged. */
export async function connect(url: string, payload: object = {}): Promise<TestSocket> {
  const opened = await openSocket(url)
  opened.send({ type: 'connection_init', payload })
  const ack = await opened.next()
  if (ack !== '{"type":"connection_ack"}') throw new Error(`not acknowledged: ${ack}`)
  return opened
}
