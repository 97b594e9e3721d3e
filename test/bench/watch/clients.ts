import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** What the parent asks of this process: so many subscribers, each a bare socket that counts messages. */
export interface ClientsRequest {
  readonly kind: 'transient' | 'nats'
  readonly port: number
  readonly count: number
  /** Of transient: the execution that is watched. Of NATS: the subject that the n-th consumer delivers to begins so. */
  readonly topic: string
}

/** One message that was looked into: which write it tells of, and when it came, in milliseconds since the epoch. */
export interface Sample {
  readonly write: number
  readonly at: number
}

export interface ClientsReport {
  readonly received: number
  readonly samples: readonly Sample[]
  /** When the last message came, in milliseconds since the epoch. */
  readonly lastAt: number
}

/** Every so many messages of all, one is looked into: its value is `write <number>`. */
const SAMPLE_EVERY = 20
const DOCUMENT =
  'subscription ($id: ID!, $after: Revision) { variableChanged(executionId: $id, afterRevision: $after) { kind revision changes { name operation value } } }'

const PING = 9
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

const state = { received: 0, lastAt: 0, samples: [] as Sample[] }
const sockets: Socket[] = []

const now = (): number => performance.timeOrigin + performance.now()

function onMessage(body: Buffer): void {
  state.received += 1
  state.lastAt = now()
  if (state.received % SAMPLE_EVERY !== 0) return
  const write = /write (\d+)/.exec(body.toString('latin1'))?.[1]
  if (write !== undefined) state.samples.push({ write: Number(write), at: state.lastAt })
}

function open(port: number, onData: (pending: Buffer, socket: Socket) => number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.setNoDelay(true)
    socket.on('error', reject)
    sockets.push(socket)
    let pending: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      let used = onData(pending, socket)
      while (used > 0) {
        pending = pending.subarray(used)
        used = pending.length === 0 ? 0 : onData(pending, socket)
      }
    })
  })
}

/** A client's frame: masked, with a mask of zeros. */
function clientFrame(text: string): Buffer {
  const body = Buffer.from(text)
  const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), body])
}

/** Bytes of the first whole frame, and where its body begins; null while it is not whole. */
function serverFrame(data: Buffer): { readonly start: number; readonly end: number } | null {
  if (data.length < 2) return null
  const short = (data[1] ?? 0) & 127
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (data.length < start) return null
  const length = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2))
  return data.length < start + length ? null : { start, end: start + length }
}

async function watchTransient(port: number, executionId: string): Promise<void> {
  let isUpgraded = false
  let subscribed: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve
  })
  const socket = await open(port, (data, self) => {
    if (!isUpgraded) {
      const end = data.indexOf('\r\n\r\n')
      if (end === -1) return 0
      isUpgraded = true
      self.write(clientFrame('{"type":"connection_init"}'))
      const payload = { query: DOCUMENT, variables: { id: executionId } }
      self.write(clientFrame(JSON.stringify({ id: randomBytes(8).toString('hex'), type: 'subscribe', payload })))
      return end + 4
    }
    const frame = serverFrame(data)
    if (frame === null) return 0
    const body = data.subarray(frame.start, frame.end)
    if (((data[0] ?? 0) & 15) === PING) self.write(PONG)
    if (body.includes('"CHANGED"')) onMessage(body)
    else if (body.includes('"SUBSCRIBED"')) subscribed()
    return frame.end
  })
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
  )
  await ready
}

async function watchNats(port: number, subject: string): Promise<void> {
  let ponged: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    ponged = resolve
  })
  const socket = await open(port, (data, self) => {
    const end = data.indexOf('\r\n')
    if (end === -1) return 0
    const line = data.toString('latin1', 0, end)
    if (line === 'PONG') ponged()
    if (line === 'PING') self.write('PONG\r\n')
    if (!line.startsWith('MSG ')) return end + 2
    const whole = end + 2 + Number(line.slice(line.lastIndexOf(' ') + 1)) + 2
    if (data.length < whole) return 0
    onMessage(data.subarray(end + 2, whole - 2))
    return whole
  })
  socket.write(`CONNECT {"verbose":false,"headers":false,"lang":"bench","version":"0"}\r\nSUB ${subject} 1\r\nPING\r\n`)
  await ready
}

process.on('message', (request: ClientsRequest | 'report' | 'reset' | 'end') => {
  if (request === 'report') process.send?.(state satisfies ClientsReport)
  else if (request === 'reset') Object.assign(state, { received: 0, lastAt: 0, samples: [] })
  else if (request === 'end') process.exit(0)
  else {
    const watching = Array.from({ length: request.count }, (_, index) =>
      request.kind === 'transient'
        ? watchTransient(request.port, request.topic)
        : watchNats(request.port, `${request.topic}.${index}`),
    )
    Promise.all(watching).then(() => process.send?.('ready'))
  }
})
