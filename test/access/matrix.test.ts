import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { ROLE_RIGHTS, ROLES, type Role } from '../../src/core/principal.js'
import { schema } from '../../src/graphql/index.js'
import { createRestApp } from '../../src/rest/app.js'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { connect, openSocket } from '../graphql/socket.js'
import { type Ids, type Needed, OPERATIONS, ROUTES, SOURCE } from './operations.js'

// Hundreds of requests: a second or two, and more on a machine that does other things, too.
vi.setConfig({ testTimeout: 60_000 })

const KEY = 'an-admin-key-of-many-letters'
const WORKER_KEY = 'a-worker-key-of-many-letters'
/** `null`: no credential at all. */
type Caller = Role | null
const CALLERS: readonly Caller[] = [...ROLES, null]

let server: InProcessServer
let ids: Ids
const keys = new Map<Caller, string>()

beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY, WORKER_KEY })
  keys.set('admin', KEY)
  keys.set('worker', WORKER_KEY)
  const admin = await server.services.catalog.register(SOURCE)
  ids = { execution: (await server.services.orchestrator.start({ path: admin.path })).id }
  for (const role of ROLES.filter((name) => !keys.has(name))) {
    const made = await server.services.keys.create({ name: role, role, expiresAt: null, actor: 'system' })
    keys.set(role, made.secret)
  }
})
afterAll(() => server?.close())

/** What the table of operations promises a caller. */
function promised(caller: Caller, needs: Needed): string {
  if (caller === null) return 'UNAUTHENTICATED'
  return needs === 'known' || ROLE_RIGHTS[caller].includes(needs) ? 'allowed' : 'FORBIDDEN'
}

const REFUSALS = ['UNAUTHENTICATED', 'FORBIDDEN']
const verdict = (code: unknown): string => (REFUSALS.includes(String(code)) ? String(code) : 'allowed')

function headersOf(caller: Caller): Record<string, string> {
  const key = keys.get(caller)
  return key === undefined ? {} : { authorization: `Bearer ${key}` }
}

function rootFields(): string[] {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  return types.flatMap((type) => Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`))
}

const isSubscription = (name: string): boolean => name.startsWith('Subscription')

type Asking = (caller: Caller, name: string) => Promise<string>

async function overHttp(caller: Caller, name: string, accept: string): Promise<string> {
  const operation = OPERATIONS[name]
  const abort = new AbortController()
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headersOf(caller) },
    body: JSON.stringify({ query: operation?.query, variables: operation?.variables?.(ids) ?? {} }),
    signal: abort.signal,
  })
  const text = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? await firstEvent(response)
    : await response.text()
  abort.abort()
  return verdict(/"code":"(\w+)"/.exec(text)?.[1])
}

async function firstEvent(response: Response): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('data: {')) {
    const next = await reader?.read()
    if (next === undefined || next.done) break
    text += next.value
  }
  return text
}

const TRANSPORTS: Readonly<Record<string, Asking>> = {
  HTTP: (caller, name) => overHttp(caller, name, isSubscription(name) ? 'text/event-stream' : 'application/json'),
  SSE: (caller, name) => overHttp(caller, name, 'text/event-stream'),
}

describe('the matrix', () => {
  it('names every field of the schema and every route, and no other', () => {
    expect(Object.keys(OPERATIONS).sort()).toEqual(rootFields().sort())
    const app = createRestApp({ logger: { error: () => undefined } })
    const routes = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
    expect(Object.keys(ROUTES).sort()).toEqual([...new Set(routes), 'GET /metrics'].sort())
  })

  it('is what authScopes declare', () => {
    const declared = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.entries(type?.getFields() ?? {}).map(([field, { extensions }]) => {
        const { authScopes } = extensions['pothosOptions'] as {
          authScopes: JsonObject | ((root: null, args: object) => JsonObject)
        }
        if (typeof authScopes !== 'function') return [`${type?.name}.${field}`, Object.keys(authScopes).join()] as const
        const ofSpace = { read_variables: 'read_globals', write: 'write_globals' }
        const [right = ''] = Object.keys(authScopes(null, { input: {} }))
        const args = { space: 'a', input: { space: 'a' } }
        expect(Object.keys(authScopes(null, args))).toEqual([ofSpace[right as keyof typeof ofSpace]])
        return [`${type?.name}.${field}`, right] as const
      }),
    )
    expect(Object.fromEntries(declared)).toEqual(
      Object.fromEntries(Object.entries(OPERATIONS).map(([name, { needs }]) => [name, needs])),
    )
  })

  it.each(Object.entries(TRANSPORTS))('holds over %s', async (_name, ask) => {
    for (const [name, { needs }] of Object.entries(OPERATIONS)) {
      const answers = await Promise.all(CALLERS.map(async (caller) => [caller, await ask(caller, name)] as const))
      const said = answers.map(([caller, answer]) => `${name} as ${caller}: ${answer}`)
      expect(said).toEqual(CALLERS.map((caller) => `${name} as ${caller}: ${promised(caller, needs)}`))
    }
  })

  it.each(ROLES)('holds over WebSocket for %s', async (role) => {
    const socket = await connect(server.url, { authorization: `Bearer ${keys.get(role)}` })
    for (const [name, { needs, query, variables }] of Object.entries(OPERATIONS)) {
      socket.send({ id: name, type: 'subscribe', payload: { query, variables: variables?.(ids) ?? {} } })
      const message = await socket.nextOf(name)
      socket.send({ id: name, type: 'complete' })
      const code = /"code":"(\w+)"/.exec(JSON.stringify(message))?.[1]
      expect(`${name}: ${verdict(code)}`).toBe(`${name}: ${promised(role, needs)}`)
    }
    socket.socket.terminate()
  })

  it('nobody opens a WebSocket without a credential', async () => {
    const socket = await openSocket(server.url)
    socket.send({ type: 'connection_init' })
    expect((await socket.closed).code).toBe(4403)
  })

  it('holds over REST', async () => {
    for (const [route, { needs, path, body, isStream }] of Object.entries(ROUTES)) {
      const [method = '', pattern = ''] = route.split(' ')
      const url = server.url + (path ?? pattern).replace('{id}', ids.execution)
      for (const caller of CALLERS) {
        const abort = new AbortController()
        const response = await fetch(url, {
          method,
          headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headersOf(caller) },
          body: body === undefined ? null : JSON.stringify(body),
          signal: abort.signal,
        })
        const isOpen = isStream === true && response.ok
        const code = isOpen ? '' : /"code":"(\w+)"/.exec(await response.text())?.[1]
        abort.abort()
        expect(`${route} as ${caller}: ${verdict(code)}`).toBe(`${route} as ${caller}: ${promised(caller, needs)}`)
      }
    }
  })
})
