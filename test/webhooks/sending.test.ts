import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { WAIT } from '../support/pace.js'
import { playbook, python } from '../support/source.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { increment, newId, set } from '../variables/support.js'

let server: InProcessServer
const receivers: Receiver[] = []
beforeAll(async () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  server = await startInProcess({ ENCRYPTION_KEYS: `one:${key}` })
})
afterAll(async () => {
  await server?.close()
  for (const receiver of receivers) await receiver.close().catch(() => undefined)
})

async function open(): Promise<Receiver> {
  const receiver = await startReceiver()
  receivers.push(receiver)
  return receiver
}

const CREATE = 'mutation ($input: WebhookInput!) { createWebhook(input: $input) { secret webhook { id name state events } } }'

let hooks = 0
async function create(url: string, input: object = {}): Promise<{ id: string; name: string; secret: string }> {
  hooks += 1
  const name = `hook-${hooks}`
  const given = { name, url, events: ['VARIABLES'], ...input }
  const { data, errors } = await server.ask(CREATE, JSON.stringify({ input: given }))
  expect(errors).toEqual([])
  const created: unknown = data?.['createWebhook']
  const { secret, webhook } = created as { secret: string; webhook: { id: string } }
  return { id: webhook.id, name, secret }
}

const write = (id: string, ...writes: Parameters<typeof server.services.variables.write>[0]['writes']) =>
  server.services.variables.write({ executionId: id, writes, actor: 'api:test' })

const of = (receiver: Receiver, id: string) => receiver.received.filter(({ text }) => text.includes(`"execution_id":${id},`))

it('what changes is sent, signed, and in order', async () => {
  const receiver = await open()
  const { name, secret } = await create(receiver.url)
  const id = newId()
  await write(id, set('a', 1), set('b', 'two'))
  await write(id, increment('a'))
  await vi.waitFor(() => expect(of(receiver, id).at(-1)?.body.to_revision).toBe(2), WAIT)
  for (const one of of(receiver, id)) receiver.verify(secret, one)
  expect(() => receiver.verify('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', of(receiver, id)[0] as never)).toThrow()
  const [first] = of(receiver, id)
  expect(first?.body).toMatchObject({ webhook: name, path: null, from_revision: 1, events: [] })
  expect(first?.headers['content-type']).toBe('application/json')
  expect(first?.body.changes[0]).toMatchObject({
    revision: 1,
    name: 'a',
    operation: 'set',
    value: 1,
    previous_value: null,
    actor: 'api:test',
  })
  const changes = of(receiver, id).flatMap(({ body }) => body.changes)
  expect(changes.map(({ revision, name: variable }) => [revision, variable])).toEqual([
    [1, 'a'],
    [1, 'b'],
    [2, 'a'],
  ])
  // All digits of the id, as no JavaScript number has them.
  expect(first?.text).toContain(`"execution_id":${id},`)
})

it('secrets lie encrypted in the database, and rotate with two of them', async () => {
  const receiver = await open()
  const { id: hook, secret } = await create(receiver.url)
  const [row] = await server.services.webhooks.list()
  expect(JSON.stringify(row)).not.toContain('whsec_')
  const { secret: next } = await server.services.webhooks.rotateSecret(hook)
  expect(next).not.toBe(secret)
  const id = newId()
  await write(id, set('a', 1))
  await vi.waitFor(() => expect(of(receiver, id)).toHaveLength(1), WAIT)
  const [one] = of(receiver, id)
  if (one === undefined) throw new Error('nothing came')
  receiver.verify(secret, one)
  receiver.verify(next, one)
  expect(String(one.headers['webhook-signature']).split(' ')).toHaveLength(2)
})

it('sensitive values are masked', async () => {
  const receiver = await open()
  await create(receiver.url)
  const id = newId()
  await write(id, { ...set('token', 'a-secret-of-mine'), isSensitive: true } as never)
  await vi.waitFor(() => expect(of(receiver, id)).toHaveLength(1), WAIT)
  expect(of(receiver, id)[0]?.text).not.toContain('a-secret-of-mine')
  expect(of(receiver, id)[0]?.body.changes[0]).toMatchObject({ name: 'token', value: '********', sensitive: true })
})

it('facts of the engine are sent, also where no variable changed', async () => {
  const receiver = await open()
  const events = ['EXECUTION_STARTED', 'EXECUTION_COMPLETED', 'EXECUTION_FAILED', 'EXECUTION_CANCELLED', 'STEP_FAILED']
  await create(receiver.url, { events, pathPrefix: 'test/told/' })
  const { path } = await server.services.catalog.register(
    playbook('told/of', `\n- step: start\n  tool: ${python('raise Exception("no")')}`),
  )
  const other = await server.services.catalog.register(playbook('silent', '\n- step: start'))
  await server.services.orchestrator.start({ path: other.path })
  const { id } = await server.services.orchestrator.start({ path })
  await vi.waitFor(
    () =>
      expect(
        of(receiver, id)
          .flatMap(({ body }) => body.events)
          .at(-1)?.name,
      ).toBe('execution.failed'),
    WAIT,
  )
  const told = of(receiver, id).flatMap(({ body }) => body.events)
  expect(told.map(({ name, step }) => [name, step])).toEqual([
    ['execution.started', null],
    ['step.failed', 'start'],
    ['execution.failed', null],
  ])
  expect(told[1]?.data).toMatchObject({ error: { code: 'TOOL_FAILED' } })
  expect(receiver.received.every(({ body }) => body.path === 'test/told/of')).toBe(true)
})

it('filters hold back: names, types, actors', async () => {
  const receiver = await open()
  await create(receiver.url, { names: ['a', 'b'], exceptActors: ['api:other'] })
  const id = newId()
  await write(id, set('c', 1))
  await write(id, set('a', 1), set('c', 2))
  await server.services.variables.write({ executionId: id, writes: [set('b', 1)], actor: 'api:other' })
  await write(id, set('b', 2))
  await vi.waitFor(() => expect(of(receiver, id).at(-1)?.body.to_revision).toBe(4), WAIT)
  const changes = of(receiver, id).flatMap(({ body }) => body.changes)
  expect(changes.map(({ revision, name }) => [revision, name])).toEqual([
    [2, 'a'],
    [4, 'b'],
  ])
  expect(of(receiver, id)[0]?.body.from_revision).toBe(2)
})

it('what happened while it was paused comes after it is resumed', async () => {
  const receiver = await open()
  const { id: hook } = await create(receiver.url)
  const id = newId()
  await write(id, set('a', 1))
  await vi.waitFor(() => expect(of(receiver, id)).toHaveLength(1), WAIT)
  await server.services.webhooks.pause(hook)
  await write(id, set('a', 2))
  await write(id, set('a', 3))
  const { data } = await server.ask('{ webhooks { id state pendingCount oldestPendingAt } }')
  const shown = ((data?.['webhooks'] ?? []) as unknown as { id: string }[]).find((one) => one.id === hook)
  expect(shown).toMatchObject({ state: 'PAUSED', pendingCount: 1, oldestPendingAt: expect.any(String) })
  await server.services.webhooks.resume(hook)
  await vi.waitFor(() => expect(of(receiver, id)).toHaveLength(2), WAIT)
  expect(of(receiver, id)[1]?.body).toMatchObject({ from_revision: 2, to_revision: 3 })
})

it('a large revision comes in parts of at most 256 KiB, and 500 revisions at once at most', async () => {
  const receiver = await open()
  const { id: hook } = await create(receiver.url)
  await server.services.webhooks.pause(hook)
  const id = newId()
  const large = 'x'.repeat(100_000)
  await write(id, ...['a', 'b', 'c', 'd', 'e'].map((name) => set(name, large)))
  await write(id, set('huge', 'y'.repeat(262_100)))
  for (let count = 0; count < 600; count += 1) await write(id, set('n', count))
  await server.services.webhooks.resume(hook)
  await vi.waitFor(() => expect(of(receiver, id).at(-1)?.body.to_revision).toBe(602), WAIT)
  const bodies = of(receiver, id)
  expect(Math.max(...bodies.map(({ text }) => Buffer.byteLength(text)))).toBeLessThanOrEqual(256 * 1024)
  expect(Math.max(...bodies.map(({ body }) => new Set(body.changes.map(({ revision }) => revision)).size))).toBe(500)
  const changes = bodies.flatMap(({ body }) => body.changes)
  expect(changes.map(({ revision }) => revision)).toEqual([
    1,
    1,
    1,
    1,
    1,
    ...Array.from({ length: 601 }, (_, index) => index + 2),
  ])
  expect(changes.slice(0, 5).map(({ name, value }) => [name, value === large])).toEqual(
    ['a', 'b', 'c', 'd', 'e'].map((name) => [name, true]),
  )
  expect(changes[5]).toMatchObject({ name: 'huge', value: null, is_trimmed: true })
})
