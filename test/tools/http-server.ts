import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createRawServer } from 'node:net'
import * as zlib from 'node:zlib'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'

export interface TestServer {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

type HttpResponse = (request: IncomingMessage, response: ServerResponse, body: string) => void

const ANSWERS: Record<string, HttpResponse> = {
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
  '/packed': (request, response) => {
    const { coding, cut, bytes, type } = askedFor(request)
    let body: Buffer = Buffer.from(bytes ?? JSON.stringify({ z: 'x'.repeat(5000) }), 'latin1')
    for (const name of (coding ?? '').split(/[,+]/)) body = PACKERS[name.trim()]?.(body) ?? body
    const announced = (coding ?? '').replace('raw', 'deflate')
    response.setHeader('content-encoding', announced.includes('+') ? announced.split('+') : announced)
    response.setHeader('content-type', type ?? 'application/json')
    response.end(body.subarray(0, body.length - Number(cut ?? 0)))
  },
  '/bytes': (request, response) => {
    const { hex, type } = askedFor(request)
    if (type !== undefined) response.setHeader('content-type', type)
    response.end(Buffer.from(hex ?? '', 'hex'))
  },
  '/bad-json-500': (_request, response) => {
    response.statusCode = 500
    json(response, '{"a": ')
  },
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

/** Node.js has it from 22.15 on. */
export const { zstdCompressSync } = zlib as { readonly zstdCompressSync?: (bytes: Buffer) => Buffer }

const PACKERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  raw: deflateRawSync,
  br: brotliCompressSync,
  ...(zstdCompressSync ? { zstd: zstdCompressSync } : {}),
}

function askedFor(request: IncomingMessage): Partial<Record<string, string>> {
  return Object.fromEntries(new URL(request.url ?? '/', 'http://localhost').searchParams)
}

/** A server that answers every first packet with these bytes, and ends the connection if it is told to. */
export async function startRawServer(answer: string | Buffer, isEnded = true): Promise<TestServer> {
  const server = createRawServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => (isEnded ? socket.end(answer) : socket.write(answer)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, close: async () => void server.close() }
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
