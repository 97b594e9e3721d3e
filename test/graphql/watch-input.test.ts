import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { type InProcessServer, startInProcess } from './server.js'
import { connect, type TestSocket } from './socket.js'

const WATCH = `subscription ($id: ID!, $after: Revision, $names: [String!]) {
  variableChanged(executionId: $id, afterRevision: $after, names: $names) { kind revision changes { name value } } }`

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

const subscribe = (client: TestSocket, id: string, variables: object, query = WATCH): void =>
  client.send({ id, type: 'subscribe', payload: { query, variables } })

const set = (id: string, value: number) =>
  server.ask(`mutation { upsertVariable(input: { executionId: "${id}", name: "n", value: ${value} }) { revision } }`)

async function watched(client: TestSocket, id: string): Promise<JsonObject> {
  const { payload } = (await client.nextOf(id)) as { payload: { data: { variableChanged: JsonObject } } }
  return payload.data.variableChanged
}

async function openWatches(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^transient_variable_watchers (\d+)$/m.exec(text)?.[1])
}

describe('subscribers of the same', () => {
  it('are one watch, wherever they began; others have their own', async () => {
    await set('301', 1)
    await set('301', 2)
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(server.url)))
    for (const [index, client] of clients.entries()) {
      subscribe(client, 'w', { id: '301', after: index % 3 })
      expect(await watched(client, 'w')).toMatchObject({ kind: 'SUBSCRIBED', revision: index % 3 })
      for (let revision = (index % 3) + 1; revision <= 2; revision += 1) {
        expect(await watched(client, 'w')).toMatchObject({ kind: 'CHANGED', revision })
      }
    }
    const [first] = clients
    if (first === undefined) throw new Error('no client')
    subscribe(first, 'named', { id: '301', names: ['n'] })
    await watched(first, 'named')
    for (let value = 3; value <= 40; value += 1) {
      await set('301', value)
      for (const client of clients) {
        expect(await watched(client, 'w')).toEqual({ kind: 'CHANGED', revision: value, changes: [{ name: 'n', value }] })
      }
    }
    expect(await openWatches()).toBe(2)
    for (const client of clients) client.socket.close()
  })

  it('get a large message in one piece each', async () => {
    const text = 'ä'.repeat(50_000)
    const clients = await Promise.all([connect(server.url), connect(server.url)])
    for (const client of clients) {
      subscribe(client, 'w', { id: '302', after: 0 })
      await watched(client, 'w')
    }
    await fetch(`${server.url}/api/vars/302`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ variables: { big: text } }),
    })
    for (const client of clients) {
      expect(await watched(client, 'w')).toMatchObject({ revision: 1, changes: [{ name: 'big', value: text }] })
      client.socket.close()
    }
  })
})

describe('bad input is answered with a code, and the other subscriptions live on', () => {
  it.each([
    ['a negative revision', { id: '1', after: -1 }, WATCH, 'VALIDATION'],
    ['a fractional revision', { id: '1', after: 1.5 }, WATCH, 'VALIDATION'],
    ['a revision that is text', { id: '1', after: 'now' }, WATCH, 'VALIDATION'],
    ['an id that is none', { id: 'one' }, WATCH, 'VALIDATION'],
    ['a name that cannot be stored', { id: '1', names: ['a\u0000'] }, WATCH, 'VALIDATION'],
    ['an unknown type', {}, 'subscription { variableChanged(executionId: "1", types: [SECRET]) { kind } }', 'BAD_REQUEST'],
    ['no document', {}, '', 'BAD_REQUEST'],
  ])('%s', async (_title, variables, query, code) => {
    const client = await connect(server.url)
    subscribe(client, 'w', { id: '310' })
    const { revision } = await watched(client, 'w')
    subscribe(client, 'bad', variables, query)
    const error = (await client.nextOf('bad')) as { type: string; payload: { extensions: { code: string } }[] }
    expect(error).toMatchObject({ type: 'error', payload: [{ extensions: { code } }] })
    await set('310', Number(revision) + 1)
    expect(await watched(client, 'w')).toMatchObject({ kind: 'CHANGED', revision: Number(revision) + 1 })
    client.socket.close()
  })

  it.each([
    ['no JSON', '{"type":', 4400],
    ['no message', '[]', 4400],
    ['an unknown type of message', { type: 'publish' }, 4400],
    ['bytes', Buffer.from([0xff, 0xfe, 0]), 4400],
  ])('a frame with %s closes its own socket only', async (_title, frame, code) => {
    const [good, bad] = await Promise.all([connect(server.url), connect(server.url)])
    subscribe(good, 'w', { id: '311' })
    subscribe(bad, 'w', { id: '311' })
    const { revision } = await watched(good, 'w')
    await watched(bad, 'w')
    if (Buffer.isBuffer(frame)) bad.socket.send(frame)
    else bad.send(frame)
    expect((await bad.closed).code).toBe(code)
    await set('311', Number(revision) + 1)
    expect(await watched(good, 'w')).toMatchObject({ kind: 'CHANGED', revision: Number(revision) + 1 })
    good.socket.close()
  })

  it('an unknown execution is none of it: it exists from its first variable on', async () => {
    const client = await connect(server.url)
    subscribe(client, 'w', { id: '312' })
    expect(await watched(client, 'w')).toEqual({ kind: 'SUBSCRIBED', revision: 0, changes: [] })
    await set('312', 1)
    expect(await watched(client, 'w')).toMatchObject({ kind: 'CHANGED', revision: 1 })
    client.socket.close()
  })
})
