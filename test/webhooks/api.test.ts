import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { WAIT } from '../support/pace.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { newId, set } from '../variables/support.js'
import { about } from './support.js'

const KEY = 'an-admin-key-of-many-letters'

let server: InProcessServer
let receiver: Receiver
let port: string
beforeAll(async () => {
  receiver = await startReceiver()
  port = new URL(receiver.url).port
  // A key closes loopback to what runs here; one port is opened.
  server = await startInProcess({ ADMIN_KEY: KEY, ALLOW_HOSTS: `127.0.0.1:${port}` })
})
afterAll(async () => {
  await server?.close()
  await receiver?.close()
})

async function rest(method: string, path: string, body?: object): Promise<{ status: number; json: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/api/webhooks${path}`, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

const hook = (given: object) => ({ name: 'one', url: receiver.url, events: ['variables'], ...given })

it('REST: made, listed, changed, paused, resumed, tested, rotated, sent again, deleted', async () => {
  const made = await rest('POST', '', hook({ path_prefix: null, names: ['a'] }))
  expect(made).toMatchObject({
    status: 201,
    json: { name: 'one', state: 'active', names: ['a'], secret: expect.stringMatching(/^whsec_/) },
  })
  const { id } = made.json
  const listed = await rest('GET', '')
  expect(listed.json).toMatchObject({ webhooks: [{ id, name: 'one', events: ['variables'], except_actors: [] }] })
  expect(JSON.stringify(listed.json)).not.toContain('whsec_')
  expect((await rest('POST', '', hook({}))).json).toMatchObject({ code: 'CONFLICT' })
  expect(await rest('PUT', `/${id}`, hook({ name: 'other' }))).toMatchObject({
    status: 200,
    json: { name: 'other', names: null },
  })
  expect((await rest('POST', `/${id}/pause`)).json).toMatchObject({ state: 'paused' })
  expect((await rest('POST', `/${id}/resume`)).json).toMatchObject({ state: 'active' })
  expect((await rest('POST', `/${id}/test`)).json).toEqual({ delivered: true, status: 204, error: null })
  expect(receiver.received.at(-1)?.body.events).toMatchObject([{ name: 'webhook.test' }])
  receiver.verify(String(made.json['secret']), receiver.received.at(-1) as never)
  expect((await rest('POST', `/${id}/rotate`)).json['secret']).not.toBe(made.json['secret'])
  const execution = newId()
  await server.services.variables.write({ executionId: execution, writes: [set('a', 1)], actor: 'api:test' })
  await vi.waitFor(() => expect(about(receiver, execution)).toHaveLength(1), WAIT)
  await vi.waitFor(async () => {
    const { deliveries } = (await rest('GET', `/${id}/deliveries`)).json
    expect(deliveries).toMatchObject([
      { execution_id: execution, delivered_revision: 1, pending_revision: 1, attempts: 0, last_status: 204 },
    ])
  }, WAIT)
  expect((await rest('GET', `/${id}/deliveries?failed_only=true`)).json).toEqual({ deliveries: [], next: null })
  expect((await rest('POST', `/${id}/redeliver`, { execution_id: execution, from_revision: 1 })).status).toBe(200)
  await vi.waitFor(() => expect(about(receiver, execution)).toHaveLength(2), WAIT)
  expect((await rest('DELETE', `/${id}`)).json).toEqual({ id, deleted: true })
  expect((await rest('DELETE', `/${id}`)).json).toEqual({ id, deleted: false })
  expect(await rest('POST', `/${id}/pause`)).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
  const entries = await server.services.audit.list({})
  expect(entries.items.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['webhook.created', 'webhook.deleted', 'webhook.redelivered']),
  )
  expect(JSON.stringify(entries.items)).not.toContain('whsec_')
})

it('bad input is refused, and changes nothing', async () => {
  for (const [field, given] of Object.entries({
    name: { name: 'no spaces please' },
    url: { url: 'ftp://example.com' },
    events: { events: ['nothing'] },
    names: { names: [] },
    exceptActors: { except_actors: [''] },
    when: { when: 'vars.n >' },
  })) {
    expect((await rest('POST', '', hook(given))).json, field).toMatchObject({ code: 'VALIDATION', field })
  }
  for (const url of [
    'http://169.254.169.254/latest',
    'http://10.0.0.1/',
    'http://127.0.0.1:1/',
    'http://user:word@example.com/',
    server.url,
    'http://[::1]/',
  ]) {
    expect((await rest('POST', '', hook({ url }))).json, url).toMatchObject({ code: 'VALIDATION', field: 'url' })
  }
  expect((await rest('GET', '')).json).toEqual({ webhooks: [] })
})

it('a name that leads to a forbidden address is found out when it is sent', async () => {
  const made = await rest('POST', '', hook({ url: `http://localhost:${Number(port) === 1 ? 2 : 1}/` }))
  const { json } = await rest('POST', `/${made.json['id']}/test`)
  expect(json).toMatchObject({ delivered: false, status: null, error: expect.stringContaining('loopback address') })
  await rest('DELETE', `/${made.json['id']}`)
})
