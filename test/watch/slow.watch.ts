import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect as connectSocket, type TestSocket } from '../graphql/socket.js'
import { type Backend, startBackend } from '../support/backends.js'
import { checkAll } from './checkers.js'
import { createRecorder } from './record.js'
import { keyOf, pathOf } from './stream.js'
import { startWatcher } from './watcher.js'
import { createWriter } from './writer.js'

const PAUSED = 5
const MEMORY_MIB = 64
const KEPT_RATE = 0.8
const VALUE = 'x'.repeat(40_000)
const WATCH = `subscription ($executionId: ID, $space: String) {
  variableChanged(executionId: $executionId, space: $space, afterRevision: 0) {
  kind revision changes { name value previousValue } } }`

let backend: Backend | null
beforeAll(async () => {
  backend = await startBackend('postgresql')
})
afterAll(async () => {
  await backend?.close()
})

function memoryMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

async function pausedSocket(url: string, executionId: string): Promise<TestSocket> {
  const client = await connectSocket(url)
  client.send({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: keyOf(executionId) } })
  await client.nextOf('w')
  client.socket.pause()
  return client
}

/** Changes a second that a fast reader gets while so many large values are written. */
async function fastRate(url: string, executionId: string, writes: number): Promise<number> {
  const recorder = createRecorder(`slow-${executionId}`)
  const writer = createWriter(url, recorder.write, 8)
  const fast = startWatcher({ urls: [url], ...{ executionId, after: 0 }, log: recorder.client('fast', executionId) })
  const began = performance.now()
  let left = writes
  const lane = async (): Promise<void> => {
    for (; left > 0; ) {
      left -= 1
      await writer.write({ executionId, values: { big: `${left}${VALUE}` } })
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  await fast.until(writes, 30_000)
  const rate = (writes * 1000) / (performance.now() - began)
  await Promise.all([fast.stop(), writer.close()])
  expect(checkAll(await recorder.finish())).toEqual([])
  return rate
}

describe('readers that take nothing', () => {
  it(`${PAUSED} of them cost at most ${MEMORY_MIB} MiB, and a fast one keeps its rate; after 30 s they get 1013`, async (context) => {
    if (backend === null) return context.skip()
    const { server } = backend
    await fastRate(server.url, '9400', 400)
    const alone: number[] = []
    const beside: number[] = []
    const grown: number[] = []
    const closing: TestSocket[] = []
    for (const round of [1, 2, 3]) {
      const executionId = `94${round}1`
      alone.push(await fastRate(server.url, `94${round}0`, 400))
      const before = memoryMib(server.pid())
      const paused = await Promise.all(Array.from({ length: PAUSED }, () => pausedSocket(server.url, executionId)))
      beside.push(await fastRate(server.url, executionId, 400))
      grown.push(memoryMib(server.pid()) - before)
      if (round < 3) for (const client of paused) client.socket.terminate()
      else closing.push(...paused)
    }
    console.info(
      `alone ${alone.map(Math.round)}/s, beside paused ${beside.map(Math.round)}/s, memory grew by ${grown.map(Math.round)} MiB`,
    )
    expect(Math.max(...grown)).toBeLessThan(MEMORY_MIB)
    expect(Math.max(...beside)).toBeGreaterThan(KEPT_RATE * Math.max(...alone))
    // Closed after 30 s, cut 10 s later: who goes on in between is told.
    const untilClosed = performance.now() + 40_000
    while ((await openWatches(server.url)) > 0) {
      expect(performance.now()).toBeLessThan(untilClosed)
      await sleep(200)
    }
    for (const client of closing) client.socket.resume()
    for (const client of closing) expect((await client.closed).code).toBe(1013)
  })

  it('are cut off after 30 s over server-sent events, in both APIs', async (context) => {
    if (backend === null) return context.skip()
    const { server } = backend
    const { port } = new URL(server.url)
    const body = JSON.stringify({ query: WATCH, variables: keyOf('9500') })
    const requests = [
      `GET ${pathOf('9500')}/events?after_revision=0 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
      `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ]
    const writer = createWriter(server.url)
    for (let count = 0; count < 400; count += 1) await writer.write({ executionId: '9500', values: { big: `${count}${VALUE}` } })
    const before = memoryMib(server.pid())
    const sockets = requests.map((request) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
      socket.pause()
      socket.on('error', () => undefined)
      return socket
    })
    await sleep(2_000)
    expect(await openWatches(server.url)).toBe(2)
    await sleep(34_000)
    expect(await openWatches(server.url)).toBe(0)
    expect(memoryMib(server.pid()) - before).toBeLessThan(MEMORY_MIB)
    for (const socket of sockets) socket.destroy()
    await writer.close()
  })

  it('are gone within 30 s when they answer no ping', async (context) => {
    if (backend === null) return context.skip()
    const { server } = backend
    const client = await connectSocket(server.url)
    client.socket.pause()
    client.send({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: keyOf('9600') } })
    await sleep(1_000)
    expect(await openWatches(server.url)).toBe(1)
    await sleep(29_000)
    expect(await openWatches(server.url)).toBe(0)
    client.socket.terminate()
  })
})

async function openWatches(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^transient_variable_watchers (\d+)$/m.exec(text)?.[1])
}
