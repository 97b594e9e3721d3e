import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, type ClientOptions, createClient } from 'graphql-ws'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { type Line, startLine } from '../support/line.js'
import { newId } from '../variables/support.js'

/** graphql-ws' client, as its documentation makes it; the line to the server can be cut. */

const KEY = 'an-admin-key-of-many-letters'
const RIGHT = { authorization: `Bearer ${KEY}` }
const WATCH = `subscription ($id: ID!, $afterRevision: Revision) {
  variableChanged(executionId: $id, afterRevision: $afterRevision) { kind revision changes { value } } }`
const WRITE = `mutation ($id: ID!, $value: JSON!) {
  upsertVariable(input: { executionId: $id, name: "n", value: $value }) { revision } }`

interface Watched {
  readonly variableChanged: {
    readonly kind: string
    readonly revision: number
    readonly changes: readonly { readonly value: unknown }[]
  }
}

let server: InProcessServer
let line: Line
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY })
  line = await startLine(Number(new URL(server.url).port))
})
afterAll(async () => {
  await line?.close()
  await server?.close()
})

const made: Client[] = []
afterEach(() => {
  for (const client of made.splice(0)) client.dispose()
})

function open(options: Partial<ClientOptions> = {}): Client {
  const url = `ws://127.0.0.1:${line.port}/graphql`
  const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: RIGHT, ...options })
  made.push(client)
  return client
}

async function ask(client: Client, query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  for await (const result of client.iterate({ query, variables })) return result
  return null
}

/** Writes 1 to 6, and cuts the line in the middle, when everything before has arrived. */
async function writeAndCut(id: string, seen: readonly unknown[]): Promise<void> {
  const writer = open()
  for (let value = 1; value <= 6; value += 1) {
    await ask(writer, WRITE, { id, value })
    if (value === 3) {
      await expect.poll(() => seen.includes(3)).toBe(true)
      line.cut()
    }
  }
}

describe('the client of graphql-ws', () => {
  it('queries and writes', async () => {
    const client = open()
    const id = newId()
    expect(await ask(client, '{ me { name role } }')).toEqual({ data: { me: { name: 'admin', role: 'ADMIN' } } })
    expect(await ask(client, WRITE, { id, value: { a: [1] } })).toEqual({ data: { upsertVariable: { revision: 1 } } })
    expect(await ask(client, 'query ($id: ID!) { variable(executionId: $id, name: "n") { value } }', { id })).toEqual({
      data: { variable: { value: { a: [1] } } },
    })
  })

  it('hears what is wrong: thrown where nothing ran, else beside the data', async () => {
    const client = open()
    await expect(ask(client, '{ nothing }')).rejects.toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }])
    await expect(ask(client, WATCH, { id: '0' })).rejects.toMatchObject([{ extensions: { code: 'VALIDATION' } }])
    expect(await ask(client, 'mutation { cancelExecution(id: "1") { id } }')).toMatchObject({
      data: null,
      errors: [{ path: ['cancelExecution'], extensions: { code: 'NOT_FOUND' } }],
    })
    expect(await ask(client, '{ me { name } }')).toMatchObject({ data: { me: { name: 'admin' } } })
  })

  it('is closed with 4403 when its key is wrong, and comes in with the right one', async () => {
    const wrong = open({ connectionParams: { authorization: 'Bearer nobody' }, retryAttempts: 0 })
    await expect(ask(wrong, '{ me { name } }')).rejects.toMatchObject({ code: 4403, reason: 'Forbidden' })
    await expect(ask(open({ connectionParams: {}, retryAttempts: 0 }), '{ me { name } }')).rejects.toMatchObject({ code: 4403 })
    let tries = 0
    const connectionParams = () => {
      tries += 1
      return tries === 1 ? {} : RIGHT
    }
    expect(await ask(open({ connectionParams, retryWait: () => sleep(20) }), '{ me { name } }')).toMatchObject({
      data: { me: { name: 'admin' } },
    })
    expect(tries).toBe(2)
  })

  it('keeps a connection alive', async () => {
    const pong = vi.fn()
    const client = open({ lazy: false, keepAlive: 20, on: { pong } })
    await expect.poll(() => pong.mock.calls.length).toBeGreaterThan(2)
    expect(await ask(client, '{ me { name } }')).toMatchObject({ data: { me: { name: 'admin' } } })
  })

  it('watches on by itself after a cut, from where it began', async () => {
    const id = newId()
    const seen: unknown[] = []
    const watching = (async () => {
      for await (const { data } of open().iterate<Watched>({ query: WATCH, variables: { id, afterRevision: 0 } })) {
        for (const { value } of data?.variableChanged.changes ?? []) seen.push(value)
        if (seen.includes(6)) return
      }
    })()
    await writeAndCut(id, seen)
    await watching
    expect(seen).toEqual([1, 2, 3, 1, 2, 3, 4, 5, 6])
  })

  it('watches on from the last revision that it saw, when its variables say so: every change exactly once', async () => {
    const id = newId()
    const seen: unknown[] = []
    let last = 0
    const connected = vi.fn()
    const client = open({ retryWait: () => sleep(20), on: { connected } })
    // Read anew each time that the client subscribes.
    const variables = {
      id,
      get afterRevision() {
        return last
      },
    }
    const watching = (async () => {
      for await (const { data } of client.iterate<Watched>({ query: WATCH, variables })) {
        const { revision, changes } = data?.variableChanged ?? { revision: 0, changes: [] }
        last = revision
        for (const { value } of changes) seen.push(value)
        if (seen.includes(6)) return
      }
    })()
    await writeAndCut(id, seen)
    await watching
    expect(seen).toEqual([1, 2, 3, 4, 5, 6])
    expect(connected).toHaveBeenCalledTimes(2)
  })

  it('leaves one watch and keeps the others', async () => {
    const client = open()
    const id = newId()
    const left = client.iterate<Watched>({ query: WATCH, variables: { id, afterRevision: 0 } })
    await left.next()
    const kept = client.iterate<Watched>({ query: WATCH, variables: { id, afterRevision: 0 } })
    await kept.next()
    await left.return?.()
    await ask(client, WRITE, { id, value: 'on' })
    expect(await kept.next()).toMatchObject({ value: { data: { variableChanged: { changes: [{ value: 'on' }] } } } })
    expect(await left.next()).toMatchObject({ done: true })
  })
})
