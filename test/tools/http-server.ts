import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface TestServer {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

const ANSWERS: Record<string, Answer> = {
  '/echo': (request, response, body) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }))
  },
  '/digits': (_request, response) => json(response, '{"id": 123456789012345678901, "price": 1.10}'),
  '/text': (_request, response) => response.setHeader('content-type', 'text/plain').end('héllo'),
  '/latin': (_request, response) => response.setHeader('content-type', 'text/plain; charset=iso-8859-1').end(Buffer.from([0xe9])),
  '/empty': (_request, response) => response.writeHead(204).end(),
  '/binary': (_request, response) => response.setHeader('content-type', 'application/octet-stream').end(Buffer.from([0, 255, 1])),
  '/untyped': (_request, response) => response.end('{"a": 1}'),
  '/bad-json': (_request, response) => json(response, '{"a": '),
  '/gzip': (_request, response) => json(response.setHeader('content-encoding', 'gzip'), gzipSync('{"a":1}')),
  '/bomb': (_request, response) => json(response.setHeader('content-encoding', 'gzip'), gzipSync(Buffer.alloc(12_000_000))),
  '/big': (_request, response) => response.setHeader('content-type', 'text/plain').end(Buffer.alloc(11_000_000, 97)),
  '/fail': (_request, response) => {
    response.statusCode = 503
    json(response, '{"why": "busy"}')
  },
  '/slow': () => {},
  '/drip': (_request, response) => {
    response.setHeader('content-type', 'text/plain').write('a')
  },
  '/break': (request) => request.socket.destroy(),
  '/loop': (_request, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/to-echo': (_request, response) => response.writeHead(302, { location: '/echo' }).end(),
  '/to-echo-307': (_request, response) => response.writeHead(307, { location: '/echo' }).end(),
  '/to-metadata': (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
  '/to-file': (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/cookies': (_request, response) => response.setHeader('set-cookie', ['a=1', 'b=2']).end('{}'),
}

function json(response: ServerResponse, body: string | Buffer): void {
  response.setHeader('content-type', 'application/json; charset=utf-8').end(body)
}

/** A real server on a free port; `/to?url=` redirects anywhere. */
export async function startTestServer(): Promise<TestServer> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/to') return response.writeHead(307, { location: url.searchParams.get('url') ?? '' }).end()
    const answer = ANSWERS[url.pathname]
    if (answer) return answer(request, response, Buffer.concat(chunks).toString())
    response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
