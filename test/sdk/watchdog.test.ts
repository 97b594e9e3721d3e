import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createClient } from '../../src/sdk/client.js'
import { createHttp, ResponseLostError, UnreachableError } from '../../src/sdk/http.js'
import { resuming } from '../../src/sdk/resume.js'
import { collectGarbage } from '../support/garbage.js'
import { until } from '../support/worker.js'

const SUBSCRIBED = 'event: subscribed\nid: 0\ndata: {"revision":0,"changes":[]}\n\n'
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
})

/** A server that begins an answer, and then is silent: as one whose machine has gone. Counts who is still connected. */
async function silentServer(begin: (response: ServerResponse) => void): Promise<{ url: string; connected: () => number }> {
  let connected = 0
  const server = createServer((_request, response) => {
    connected += 1
    response.once('close', () => {
      connected -= 1
    })
    begin(response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connected: () => connected }
}

const subscribed = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(SUBSCRIBED)
}

it('a watch that is aborted ends, and so does its connection, also after a garbage collection', async () => {
  const { url, connected } = await silentServer(subscribed)
  const abort = new AbortController()
  const messages = createClient({ url }).watch('1', { afterRevision: 0, signal: abort.signal })
  expect((await messages.next()).value).toMatchObject({ kind: 'subscribed' })
  const rest = messages.next()
  await collectGarbage()
  abort.abort()
  expect(await rest).toEqual({ done: true, value: undefined })
  await until(() => connected() === 0, 'the connection is closed')
})

it('whoever stops reading a watch leaves no connection behind, also after a garbage collection', async () => {
  const { url, connected } = await silentServer(subscribed)
  for await (const message of createClient({ url }).watch('1', { afterRevision: 0 })) {
    expect(message.kind).toBe('subscribed')
    await collectGarbage()
    break
  }
  await until(() => connected() === 0, 'the connection is closed')
})

it('a connection that is silent after its first message counts as dead, however often it spoke before', async () => {
  const lost: unknown[] = []
  let connections = 0
  async function* connect(signal: AbortSignal): AsyncGenerator<string, boolean> {
    connections += 1
    yield `first of ${connections}`
    yield `second of ${connections}`
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    return true
  }
  const seen: string[] = []
  const watch = { url: 'http://there', connect, idleMs: 200, onDisconnect: (reason: unknown) => lost.push(reason) }
  for await (const message of resuming(watch)) {
    seen.push(message)
    await collectGarbage()
    if (seen.length === 3) break
  }
  expect(seen).toEqual(['first of 1', 'second of 1', 'first of 2'])
  expect(lost).toEqual([new UnreachableError('http://there', null, 'nothing was received from http://there for 0.2 s')])
})

it('the time that a reader takes over a message is no silence', async () => {
  let connections = 0
  async function* connect(): AsyncGenerator<number, boolean> {
    connections += 1
    yield 1
    yield 2
    return true
  }
  for await (const _ of resuming({ url: 'http://there', connect, idleMs: 50 }))
    await new Promise((resolve) => setTimeout(resolve, 200))
  expect(connections).toBe(1)
})

it.each([
  ['before its headers', () => undefined],
  [
    'within its answer',
    (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"a":')
    },
  ],
])('a request whose server falls silent %s ends when its time is up, and when it is aborted', async (_, begin) => {
  const { url, connected } = await silentServer(begin)
  const http = createHttp({ url })
  const limited = http.send({ method: 'GET', path: '/', timeoutMs: 1000 }).catch((error: unknown) => error)
  const abort = new AbortController()
  const aborted = http.send({ method: 'GET', path: '/', signal: abort.signal }).catch((error: unknown) => error)
  await until(() => connected() === 2, 'both have been asked')
  await collectGarbage()
  abort.abort(new Error('left'))
  expect(await aborted).toMatchObject({ message: 'left' })
  const late = await limited
  expect(late).toBeInstanceOf(ResponseLostError)
  expect(late).toMatchObject({ message: expect.stringMatching(/gave no answer within 1 s: .* may have been carried out/) })
  await until(() => connected() === 0, 'the connections are closed')
})
