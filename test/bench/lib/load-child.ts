import { randomInt } from 'node:crypto'
import pg from 'pg'
import { Client } from 'undici'
import type { LoadReport, LoadRequest } from './load.js'

/** A process of its own makes the load, so that its processor time is not the server's. */

const latencies: number[] = []
let failure: string | null = null
let isOver = false

function fill(text: string, { executions, names, firstExecution = 1 }: LoadRequest): string {
  return text
    .replace('@execution', String(firstExecution + randomInt(executions)))
    .replace('@name', `v${1 + randomInt(names)}`)
    .replace('@number', String(1 + randomInt(names)))
    .replace('@value', String(randomInt(1_000_000_000)))
}

/** One request after the other on one connection, until the time is up. */
function askOn(client: Client, request: LoadRequest, whenDone: () => void): void {
  if (isOver) return whenDone()
  const began = performance.now()
  let status = 0
  const chunks: Buffer[] = []
  client.dispatch(
    {
      path: request.path,
      method: request.body === null ? 'GET' : 'POST',
      headers: request.headers,
      body: request.body && fill(request.body, request),
    },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode
      },
      onResponseData: (_controller, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () => {
        latencies.push(performance.now() - began)
        if (status >= 300 || chunks.some((chunk) => chunk.includes('"errors"'))) failure ??= `${status}: ${Buffer.concat(chunks)}`
        askOn(client, request, whenDone)
      },
      onResponseError: (_controller, error) => {
        failure ??= String(error)
        whenDone()
      },
    },
  )
}

async function askHttp(request: LoadRequest): Promise<void> {
  const clients = Array.from({ length: request.connections }, () => new Client(request.url, { pipelining: 1 }))
  await Promise.all(clients.map((client) => new Promise<void>((done) => askOn(client, request, done))))
  await Promise.all(clients.map((client) => client.destroy()))
}

/** The yardstick of a single caller: one named statement on one connection of `pg`. */
async function askPg({ url, body, executions, names }: LoadRequest): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  while (!isOver) {
    const began = performance.now()
    const name = 1 + randomInt(names)
    await client.query({ name: 'write', text: body ?? '', values: [1 + randomInt(executions), name, randomInt(1_000_000_000)] })
    latencies.push(performance.now() - began)
  }
  await client.end()
}

process.once('message', async (request: LoadRequest) => {
  const began = performance.now()
  setTimeout(() => {
    isOver = true
  }, request.seconds * 1000)
  await (request.url.startsWith('postgres') ? askPg(request) : askHttp(request))
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  const perSecond = (sorted.length * 1000) / (performance.now() - began)
  const report: LoadReport = { count: sorted.length, perSecond, p50: at(0.5), p99: at(0.99), failure }
  process.send?.(report, () => process.exit(0))
})
