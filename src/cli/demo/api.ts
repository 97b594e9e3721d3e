import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const ITEM_COUNT = 25
/** Every seventh item cannot be processed, so that the demo shows how a failing iteration is counted. */
const FAULTY_EVERY = 7

export interface DemoApi {
  readonly url: string
  /** What was posted to /stats, in order. */
  readonly stats: readonly string[]
  close(): Promise<void>
}

function items(query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? ITEM_COUNT)
  const offset = Number(query.get('offset') ?? 0)
  const all = Array.from({ length: ITEM_COUNT }, (_, index) => ({
    id: index + 1,
    status: (index + 1) % FAULTY_EVERY === 0 ? 'error' : 'ok',
  }))
  return { items: all.slice(offset, offset + limit) }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** The HTTP API that examples/batch_processor.yaml works on: pages of items, and an endpoint for its statistics. */
export async function startDemoApi(port = 0): Promise<DemoApi> {
  const stats: string[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'GET' && pathname === '/items') return reply(response, 200, items(searchParams))
    if (request.method !== 'POST' || pathname !== '/stats') return reply(response, 404, { message: 'no such path' })
    readBody(request).then(
      (body) => {
        stats.push(body)
        reply(response, 200, { stored: true })
      },
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stats,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
