import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { startTestServer, type TestServer } from '../support/server.js'

const EACH = 40
const DRIP_MS = 500
/** The server looks every 2 s; the rest is for a busy machine. */
const SLACK_MS = 12_000

let server: TestServer
const sockets: Socket[] = []
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await server?.close()
})

/** Sends a beginning, and then a byte now and then; answers after how many milliseconds the server closed the connection. */
function drip(beginning: string, piece: string): Promise<number> {
  const began = performance.now()
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined).resume()
  socket.write(beginning)
  const dripping = setInterval(() => {
    if (piece !== '' && socket.writable) socket.write(piece)
  }, DRIP_MS)
  return new Promise((resolve) =>
    socket.once('close', () => {
      clearInterval(dripping)
      resolve(performance.now() - began)
    }),
  )
}

const many = (beginning: string, piece: string): Promise<number[]> =>
  Promise.all(Array.from({ length: EACH }, () => drip(beginning, piece)))
const post = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"`

it('who is slow to send headers or a body is cut off, and holds up nobody', { timeout: within(120_000) }, async () => {
  const headers = [many('', ''), many('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n', 'x-a: b\r\n'), many('GET /', 'a')]
  const bodies = [many(post('/graphql'), 'a'), many(post('/api/vars/5'), 'a'), many(post('/api/executions'), 'a')]
  const chunked =
    'POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  bodies.push(many(chunked, '1\r\na\r\n'))
  let isOver = false
  const delays: number[] = []
  const others = (async () => {
    while (!isOver) {
      const began = performance.now()
      expect((await server.rest('POST', '/api/vars/7', { variables: { a: delays.length } })).status).toBe(200)
      delays.push(performance.now() - began)
      await sleep(250)
    }
  })()
  const [slowHeaders, slowBodies] = await Promise.all([Promise.all(headers), Promise.all(bodies)])
  isOver = true
  await others
  for (const ms of slowHeaders.flat()) expect(ms).toBeLessThan(15_000 + SLACK_MS)
  for (const ms of slowBodies.flat()) expect(ms).toBeLessThan(60_000 + SLACK_MS)
  delays.sort((left, right) => left - right)
  expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(1_000)
  expect(server.output()).not.toContain('"level":"error"')
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200)
})
