import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect as connectTo, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { within } from '../support/pace.js'

/** Bytes on the wire for one change of a small value, frames and all: what a subscriber costs the line. */
const watch = (executionId: string): string =>
  `subscription { variableChanged(executionId: "${executionId}") { kind revision changes { name value } } }`

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

interface Line {
  /** All bytes so far, as they came. */
  received(): string
  close(): void
}

/** One write, and what came over the line because of it. */
async function bytesOfOneChange(line: Line, executionId: string): Promise<string> {
  const until = async (text: string): Promise<void> => {
    await expect.poll(() => line.received().toLowerCase().includes(text), { timeout: within(10_000) }).toBe(true)
  }
  await until('subscribed')
  const before = line.received().length
  await server.ask(`mutation { upsertVariable(input: { executionId: "${executionId}", name: "n", value: 7 }) { revision } }`)
  await until('"value":7')
  const came = line.received().slice(before)
  line.close()
  return came
}

function lineOf(socket: Socket, close: () => void): Line {
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  return { received: () => received, close }
}

async function webSocketLine(): Promise<Line> {
  const { port } = new URL(server.url)
  const socket = connectTo(Number(port), '127.0.0.1')
  const client = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    createConnection: () => socket,
  })
  const line = lineOf(socket, () => client.terminate())
  await new Promise((resolve) => client.once('open', resolve))
  client.send('{"type":"connection_init"}')
  client.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: watch('901') } }))
  return line
}

async function eventsLine(path: string, body: string | null): Promise<Line> {
  const headers = { accept: 'text/event-stream', ...(body !== null && { 'content-type': 'application/json' }) }
  const request = httpRequest(`${server.url}${path}`, { method: body === null ? 'GET' : 'POST', headers, agent: false })
  const response = await new Promise<IncomingMessage>((resolve) => {
    request.once('response', resolve)
    request.end(body ?? undefined)
  })
  // The first events may have come with the head: the body is read, and the frame of each chunk counted with it.
  let received = ''
  response.on('data', (chunk: Buffer) => {
    received += `${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`
  })
  return { received: () => received, close: () => request.destroy() }
}

it('a WebSocket frame', async () => {
  const came = await bytesOfOneChange(await webSocketLine(), '901')
  expect(came.length, came).toBeLessThanOrEqual(134)
})

it('a server-sent event of GraphQL', async () => {
  const came = await bytesOfOneChange(await eventsLine('/graphql', JSON.stringify({ query: watch('902') })), '902')
  expect(came.length, came).toBeLessThanOrEqual(132)
})

it('a server-sent event of REST', async () => {
  const came = await bytesOfOneChange(await eventsLine('/api/vars/903/events', null), '903')
  expect(came.length, came).toBeLessThanOrEqual(229)
})
