import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Match, matchFault } from './match.js'

/** What one scripted call must look like: only what is named here is compared, a body as a whole. */
interface ExpectedRequest {
  readonly query?: Record<string, unknown>
  readonly headers?: Record<string, unknown>
  readonly body?: unknown
}

interface ScriptedResponse {
  readonly status: number
  readonly body?: unknown
  readonly expect?: ExpectedRequest
}

/** One route of a script: its responses in the order of the calls. `ANY` matches every method. */
export interface ScriptedRoute {
  readonly method: string
  readonly path: string
  readonly responses: readonly ScriptedResponse[]
}

export interface HttpStub {
  /** `http://127.0.0.1:<port>`: what `{stub}` stands for. */
  readonly url: string
  /** Every fault so far: unexpected calls, requests that differ, and (only asked for at the end) calls that never came. */
  faults(): string[]
  close(): Promise<void>
}

/** Puts the stub's address where `{stub}` stands, anywhere inside a value. */
export function withStub<T>(value: T, url: string): T {
  return JSON.parse(JSON.stringify(value ?? null).replaceAll('{stub}', url)) as T
}

/** An HTTP server that answers a script and remembers every departure from it. */
export async function startHttpStub(script: readonly ScriptedRoute[]): Promise<HttpStub> {
  const faults: string[] = []
  const calls = new Map<ScriptedRoute, number>()
  let routes: readonly ScriptedRoute[] = script
  const server = createServer((request, response) => void answer(request, response))
  await listen(server)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  routes = withStub(script, url)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    const target = new URL(request.url ?? '/', url)
    const name = `${request.method} ${target.pathname}`
    const matching = routes.filter(
      ({ method, path }) => path === target.pathname && (method === 'ANY' || method === request.method),
    )
    const route = matching.find((candidate) => (calls.get(candidate) ?? 0) < candidate.responses.length) ?? matching.at(-1)
    const call = route === undefined ? 0 : (calls.get(route) ?? 0)
    if (route !== undefined) calls.set(route, call + 1)
    const scripted = route?.responses[call]
    if (scripted === undefined) {
      faults.push(`${name}: call ${call + 1} is beyond the script`)
      reply(response, 599, { message: 'beyond the script' })
      return
    }
    faults.push(
      ...requestFaults({ expect: scripted.expect ?? {}, request, target, body }).map(
        (fault) => `${name}, call ${call + 1}: ${fault}`,
      ),
    )
    reply(response, scripted.status, scripted.body)
  }

  return {
    url,
    faults: () => [
      ...faults,
      ...routes.flatMap((route) => {
        const missing = route.responses.length - (calls.get(route) ?? 0)
        return missing > 0 ? [`${route.method} ${route.path}: ${missing} scripted calls never came`] : []
      }),
    ],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Received {
  readonly expect: ExpectedRequest
  readonly request: IncomingMessage
  readonly target: URL
  readonly body: string
}

function requestFaults({ expect, request, target, body }: Received): string[] {
  const query = Object.entries(expect.query ?? {}).map(([name, value]) => {
    const fault = matchFault(value as Match, target.searchParams.get(name))
    return fault === null ? null : `query ${name}: ${fault}`
  })
  const headers = Object.entries(expect.headers ?? {}).map(([name, value]) => {
    const fault = matchFault(value as Match, request.headers[name.toLowerCase()])
    return fault === null ? null : `header ${name}: ${fault}`
  })
  return [...query, ...headers, bodyFault(expect, body)].filter((fault) => fault !== null)
}

function bodyFault(expect: ExpectedRequest, body: string): string | null {
  if (expect.body === undefined) return null
  try {
    const fault = matchFault(expect.body as Match, JSON.parse(body))
    return fault === null ? null : `body: ${fault}`
  } catch {
    return `body: no JSON: ${body.slice(0, 200)}`
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (body === undefined) {
    response.writeHead(status).end()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve())
  })
}
