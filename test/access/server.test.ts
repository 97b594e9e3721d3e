import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Role } from '../../src/core/principal.js'
import type { CreatedKey } from '../../src/keys/service.js'
import { codesOf, type InProcessServer, startInProcess } from '../graphql/server.js'
import { connect, type TestSocket } from '../graphql/socket.js'
import { within } from '../support/pace.js'

// Some of it waits for what takes seconds by itself.
vi.setConfig({ testTimeout: 60_000 })

const KEY = 'an-admin-key-of-many-letters'
const ID = '507861119290048685'
const STEP = `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: remote, path: remote}
workflow: [{step: load, pool: far, type: python, code: "def main(): return 1"}]
`

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY, RATE_LIMIT: '10', CORS_ORIGINS: 'https://console.example' })
})
afterAll(() => server?.close())

let made = 0
function createKey(role: Role, expiresAt: Date | null = null): Promise<CreatedKey> {
  made += 1
  return server.services.keys.create({ name: `${role}-${made}`, role, expiresAt, actor: 'system' })
}

interface Sent {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function send(method: string, path: string, key: string | null, body?: unknown): Promise<Sent> {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : {} }
}

const WATCH = `subscription { variableChanged(executionId: "${ID}") { kind } }`

describe('the end of a credential ends what is open', () => {
  async function subscribe(key: string): Promise<TestSocket> {
    const socket = await connect(server.url, { authorization: `Bearer ${key}` })
    socket.send({ id: 'w', type: 'subscribe', payload: { query: WATCH } })
    expect(await socket.nextOf('w')).toMatchObject({ type: 'next' })
    return socket
  }

  /** An open stream, and all that it will have said when it has ended. */
  async function openEvents(path: string, key: string, query?: string): Promise<{ readonly text: Promise<string> }> {
    const response = await fetch(server.url + path, {
      method: query === undefined ? 'GET' : 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: query === undefined ? null : JSON.stringify({ query }),
    })
    expect(response.status).toBe(200)
    return { text: response.text() }
  }

  async function endsOn(key: string, end: () => Promise<unknown>): Promise<void> {
    const socket = await subscribe(key)
    const other = await subscribe(key)
    const graphql = await openEvents('/graphql', key, WATCH)
    const rest = await openEvents(`/api/vars/${ID}/events`, key)
    const poll = send('GET', `/api/vars/${ID}?after_revision=999&wait=60`, key)
    await sleep(50)
    await end()
    const began = performance.now()
    for (const open of [socket, other]) {
      let message = await open.nextOf('w')
      while (message['type'] === 'next') message = await open.nextOf('w')
      expect(JSON.stringify(message)).toContain('UNAUTHENTICATED')
      expect((await open.closed).code).toBe(4403)
    }
    expect(await graphql.text).toContain('"code":"UNAUTHENTICATED"')
    expect(await rest.text).toMatch(/event: problem\ndata: .*"code":"UNAUTHENTICATED"/)
    expect((await poll).status).toBe(401)
    expect(performance.now() - began).toBeLessThan(within(5_000))
    expect((await send('GET', '/api/me', key)).status).toBe(401)
  }

  it('when it is revoked', async () => {
    const { secret, key } = await createKey('viewer')
    await endsOn(secret, () => send('DELETE', `/api/keys/${key.id}`, KEY))
  })

  it('when it expires', async () => {
    const { secret, key } = await createKey('viewer', new Date(Date.now() + within(2_500)))
    await endsOn(secret, () => sleep(Math.max(0, (key.expiresAt?.getTime() ?? 0) - Date.now())))
  })
})

describe("a task's token", () => {
  async function claimed(): Promise<{ task: Record<string, string>; worker: string }> {
    const worker = (await createKey('worker')).secret
    const { path } = await server.services.catalog.register(STEP)
    await server.services.orchestrator.start({ path })
    const { body } = await send('POST', '/api/tasks/claim', worker, { pool: 'far', worker_id: 'w', wait_ms: 60_000 })
    return { task: body as Record<string, string>, worker }
  }

  it('writes the variables of its execution as its step, and nothing else', async () => {
    const { task, worker } = await claimed()
    const { token = '', execution_id: execution } = task
    expect((await send('GET', `/api/vars/${execution}`, worker)).status).toBe(403)
    expect((await send('POST', `/api/vars/${execution}`, token, { variables: { a: 1 } })).status).toBe(200)
    expect((await send('GET', `/api/vars/${execution}/a`, token)).body).toMatchObject({ value: 1 })
    expect((await send('GET', `/api/vars/${ID}/a`, token)).body).toMatchObject({ code: 'NOT_FOUND' })
    expect((await send('POST', `/api/vars/${ID}`, token, { variables: { a: 1 } })).body).toMatchObject({ code: 'NOT_FOUND' })
    expect((await send('GET', `/api/executions/${execution}`, token)).body).toMatchObject({ code: 'FORBIDDEN' })
    expect((await send('POST', `/api/executions/${execution}/cancel`, token)).body).toMatchObject({ code: 'FORBIDDEN' })
    expect((await send('GET', `/api/executions/${ID}`, token)).body).toMatchObject({ code: 'NOT_FOUND' })
    expect((await send('GET', '/api/me', token)).body).toMatchObject({ name: 'load', execution_ids: [execution], role: 'worker' })
    const history = await server.services.variables.history({ executionId: execution ?? '' })
    expect(history.items.map(({ actor }) => actor)).toEqual(['step:load'])

    const ticket = { attempt: task['attempt'], token }
    expect((await send('POST', `/api/tasks/${task['id']}/heartbeat`, token, ticket)).status).toBe(200)
    expect((await send('POST', `/api/tasks/${task['id']}/complete`, token, { ...ticket, result: 1 })).body['accepted']).toBe(true)
    await expect
      .poll(async () => (await send('GET', `/api/vars/${execution}`, token)).status, { timeout: within(5_000) })
      .toBe(401)
  })

  it('is dead when its execution is cancelled, and when another delivery has the task', async () => {
    const { task } = await claimed()
    const { token = '', execution_id: execution = '' } = task
    expect((await send('GET', `/api/vars/${execution}`, token)).status).toBe(200)
    await server.services.orchestrator.cancel(execution, null, 'system')
    await expect
      .poll(async () => (await send('GET', `/api/vars/${execution}`, token)).status, { timeout: within(5_000) })
      .toBe(401)

    const second = await claimed()
    const ticket = { attempt: second.task['attempt'], token: second.task['token'] }
    await send('POST', `/api/tasks/${second.task['id']}/release`, second.worker, ticket)
    const again = await send('POST', '/api/tasks/claim', second.worker, { pool: 'far', worker_id: 'w', wait_ms: 60_000 })
    expect(again.body['id']).toBe(second.task['id'])
    const path = `/api/vars/${second.task['execution_id']}`
    expect((await send('GET', path, second.task['token'] ?? '')).status).toBe(401)
    expect((await send('GET', path, String(again.body['token']))).status).toBe(200)
  })
})

describe('limits of a caller', () => {
  it('too many requests are RATE_LIMITED in every API, for this caller only', async () => {
    const [fast, slow] = [(await createKey('viewer')).secret, (await createKey('viewer')).secret]
    const socket = await connect(server.url, { authorization: `Bearer ${fast}` })
    const answers = await Promise.all(Array.from({ length: 60 }, () => send('GET', '/api/me', fast)))
    const limited = answers.find(({ status }) => status === 429)
    expect(limited?.body).toMatchObject({ code: 'RATE_LIMITED' })
    expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0)
    const query = '{ me { name } }'
    const asked = await Promise.all(Array.from({ length: 60 }, () => send('POST', '/graphql', fast, { query })))
    expect(JSON.stringify(asked.find(({ status }) => status === 429)?.body)).toContain('"code":"RATE_LIMITED"')
    for (let id = 0; id < 60; id += 1) socket.send({ id: String(id), type: 'subscribe', payload: { query } })
    const told = await Promise.all(Array.from({ length: 60 }, () => socket.next()))
    expect(told.filter((message) => message.includes('"code":"RATE_LIMITED"'))).not.toEqual([])
    expect((await send('GET', '/api/me', slow)).status).toBe(200)
    socket.socket.terminate()
  })

  it('pages of a listed origin may ask, of others not', async () => {
    const preflight = (origin: string) =>
      fetch(`${server.url}/graphql`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      })
    const listed = await preflight('https://console.example')
    expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([204, 'https://console.example'])
    expect(listed.headers.get('access-control-allow-credentials')).toBeNull()
    const other = await preflight('https://evil.example')
    expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([403, null])
    const asked = await fetch(`${server.url}/api/me`, {
      headers: { origin: 'https://console.example', authorization: `Bearer ${KEY}` },
    })
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([200, 'https://console.example'])
  })
})

describe('the audit', () => {
  it('names who did what, to admins', async () => {
    const { secret, key } = await createKey('author')
    const id = '507861119290048777'
    await Promise.all([1, 2, 3].map((value) => send('POST', `/api/vars/${id}`, secret, { variables: { [`v${value}`]: value } })))
    await send('DELETE', `/api/vars/${id}/v1`, secret)
    await send('POST', '/api/playbooks', secret, { source: STEP.replaceAll('remote', 'audited') })
    const started = await send('POST', '/api/executions', secret, { path: 'audited' })
    await send('POST', `/api/executions/${started.body['id']}/cancel`, secret)
    const several = await send('POST', '/api/executions', secret, { inputs: [{ path: 'audited' }, { path: 'audited' }] })
    const ids = (several.body['executions'] as { readonly id: string }[]).map(({ id }) => id)
    await send('DELETE', `/api/keys/${key.id}`, KEY)
    const { body } = await send('GET', `/api/audit?actor=api:${key.name}`, KEY)
    const entries = body['entries'] as Record<string, unknown>[]
    const seen = entries.map(({ action, execution_id, subject, count }) => [action, execution_id, subject, count]).reverse()
    const written = seen.filter(([action]) => action === 'variables.written')
    expect(written.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe(3)
    expect(seen.filter(([action]) => action !== 'variables.written')).toEqual([
      ['variables.deleted', id, 'v1', 1],
      ['playbook.registered', null, 'audited@1', 1],
      ['execution.started', started.body['id'], 'audited@1', 1],
      ['execution.cancelled', started.body['id'], null, 1],
      ...ids.map((started) => ['execution.started', started, 'audited@1', 1]),
    ])
    expect(entries.every((entry) => entry['key_id'] === key.id)).toBe(true)

    const query = `{ audit(filter: {action: "key.revoked"}, first: 1) { nodes { actor subject } pageInfo { hasNextPage } } }`
    const asked = await server.post(JSON.stringify({ query }), { authorization: `Bearer ${KEY}` })
    expect(asked.data?.['audit']).toMatchObject({ nodes: [{ actor: 'api:admin', subject: `${key.id} (${key.name}, author)` }] })
    expect((await send('GET', '/api/audit?since=yesterday', KEY)).status).toBe(422)
  })

  it('has no entry for what was refused or changed nothing, through any API', async () => {
    const [author, repeating, refused, viewer] = [
      await createKey('author'),
      await createKey('author'),
      await createKey('author'),
      await createKey('viewer'),
    ]
    const [id, empty] = ['507861119290048778', '507861119290048779']
    const playbook = { source: STEP.replaceAll('remote', 'audited-once') }
    const start = `mutation { startExecution(input: {path: "audited-once", idempotencyKey: "once"}) { id } }`
    const query = (given: string, text: string) =>
      server.post(JSON.stringify({ query: text }), { authorization: `Bearer ${given}` })
    const statusOf = async (sent: Promise<Sent>) => (await sent).status
    const actionsOf = async ({ key: { name } }: CreatedKey) => {
      const { body } = await send('GET', `/api/audit?actor=api:${name}`, KEY)
      return (body['entries'] as Record<string, unknown>[]).map(({ action }) => action).sort()
    }

    const { secret } = author
    await send('POST', `/api/vars/${id}`, secret, { variables: { kept: 1 } })
    await send('POST', '/api/playbooks', secret, playbook)
    const begun = await query(secret, start)
    const { id: execution } = Object(begun.data?.['startExecution']) as { readonly id: string }
    await send('POST', `/api/executions/${execution}/cancel`, secret)
    expect(await actionsOf(author)).toEqual([
      'execution.cancelled',
      'execution.started',
      'playbook.registered',
      'variables.written',
    ])

    const again = repeating.secret
    expect(await statusOf(send('POST', '/api/playbooks', again, playbook))).toBe(200)
    expect((await query(again, start)).data).toEqual({ startExecution: { id: execution } })
    expect(await statusOf(send('POST', `/api/executions/${execution}/cancel`, again))).toBe(200)
    expect((await query(again, `mutation { cancelExecution(id: "${execution}") { id } }`)).errors).toEqual([])
    expect(await statusOf(send('DELETE', `/api/vars/${id}/never-there`, again))).toBe(200)
    expect(await statusOf(send('DELETE', `/api/vars/${empty}`, again))).toBe(200)
    const nothing = `mutation {
      one: deleteVariable(input: {executionId: "${id}", name: "never-there"}) { deleted }
      all: deleteVariables(executionId: "${empty}") { deletedCount }
    }`
    expect((await query(again, nothing)).data).toEqual({ one: { deleted: false }, all: { deletedCount: 0 } })
    expect(await actionsOf(repeating)).toEqual([])

    const no = refused.secret
    const stale = `{executionId: "${id}", variables: [{name: "new", value: 1}, {name: "kept", value: 2, expectedVersion: 7}]}`
    expect(codesOf(await query(no, `mutation { upsertVariables(input: ${stale}) { revision } }`))).toEqual(['CONFLICT'])
    expect(await statusOf(send('POST', `/api/vars/${id}`, no, { variables: { '': 1 } }))).toBe(422)
    expect(await statusOf(send('POST', `/api/vars/${execution}`, no, { variables: { late: 1 } }))).toBe(409)
    expect(await statusOf(send('POST', '/api/executions', no, { path: 'nowhere' }))).toBe(404)
    expect(await statusOf(send('POST', '/api/keys', no, { name: 'mine', role: 'admin' }))).toBe(403)
    expect(await statusOf(send('POST', `/api/vars/${id}`, viewer.secret, { variables: { kept: 3 } }))).toBe(403)
    expect(codesOf(await query(viewer.secret, start))).toEqual(['FORBIDDEN'])
    expect(await actionsOf(refused)).toEqual([])
    expect(await actionsOf(viewer)).toEqual([])

    // Of several in one document the one that was carried out has an entry, and the one that was refused has none.
    const both = `mutation {
      done: upsertVariable(input: {executionId: "${id}", name: "done", value: 1}) { variable { name } }
      late: upsertVariable(input: {executionId: "${execution}", name: "late", value: 1}) { variable { name } }
    }`
    expect(codesOf(await query(no, both))).toEqual(['EXECUTION_FINISHED'])
    expect(await actionsOf(refused)).toEqual(['variables.written'])
  })
})
