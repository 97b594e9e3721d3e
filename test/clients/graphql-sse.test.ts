import { type Client, createClient } from 'graphql-sse'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { newId } from '../variables/support.js'

/** graphql-sse's client, as its documentation makes it, in both modes and at both paths. */

const WATCH =
  'subscription ($id: ID!) { variableChanged(executionId: $id, afterRevision: 0) { kind revision changes { name value } } }'
const WRITE =
  'mutation ($id: ID!, $value: JSON!) { upsertVariable(input: { executionId: $id, name: "n", value: $value }) { revision } }'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(() => server?.close())

async function ask(client: Client, query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  for await (const result of client.iterate({ query, variables })) return result
  return null
}

describe.each([
  ['distinct connections', '/graphql', false],
  ['distinct connections', '/graphql/stream', false],
  ['a single connection', '/graphql', true],
  ['a single connection', '/graphql/stream', true],
])('graphql-sse over %s at %s', (_name, path, singleConnection) => {
  const made: Client<boolean>[] = []
  const open = (): Client => {
    const client = createClient({ url: `${server.url}${path}`, singleConnection: singleConnection as false, retryAttempts: 0 })
    made.push(client)
    return client
  }
  afterAll(() => {
    for (const client of made) client.dispose()
  })

  it('queries, writes and watches, several at the same time', async () => {
    const client = open()
    const [one, two] = [newId(), newId()]
    const watched: unknown[][] = [[], []]
    const watches = [one, two].map(async (id, index) => {
      for await (const { data } of client.iterate<{ variableChanged: { changes: { value: unknown }[] } }>({
        query: WATCH,
        variables: { id },
      })) {
        const changes = data?.variableChanged.changes ?? []
        watched[index]?.push(...changes.map(({ value }) => value))
        if (changes.some(({ value }) => value === 'last')) break
      }
    })
    for (const value of ['first', 'last']) {
      for (const id of [one, two]) await ask(client, WRITE, { id, value: `${value}` })
    }
    await Promise.all(watches)
    expect(watched).toEqual([
      ['first', 'last'],
      ['first', 'last'],
    ])
    expect(await ask(client, '{ me { name } }')).toEqual({ data: { me: { name: expect.any(String) } } })
  })

  it('says what is wrong with an operation', async () => {
    const client = open()
    expect(await ask(client, '{ nothing }')).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    expect(await ask(client, WATCH, { id: '0' })).toMatchObject({ errors: [{ extensions: { code: 'VALIDATION' } }] })
  })
})

describe('a single connection', () => {
  const at = (path: string, init: RequestInit) => fetch(`${server.url}/graphql/stream${path}`, init)
  const reserve = async () => (await at('', { method: 'PUT' })).text()

  it('keeps every digit', async () => {
    const token = await reserve()
    const headers = { 'x-graphql-event-stream-token': token }
    const stream = await at('', { headers: { ...headers, accept: 'text/event-stream' } })
    const long = '507861119290048685.10'
    const query = `mutation { upsertVariable(input: { executionId: "7999", name: "n", value: ${long} }) { variable { value } } }`
    const body = JSON.stringify({ query, extensions: { operationId: 'o"1' } })
    const taken = await at('', { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body })
    expect(taken.status).toBe(202)
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('event: complete')) text += (await reader?.read())?.value ?? ''
    expect(text).toContain(
      `event: next\ndata: {"id":"o\\"1","payload":{"data":{"upsertVariable":{"variable":{"value":${long}}}}}}\n\n`,
    )
    await reader?.cancel()
  })

  it('is nobody else’s, and not there before it is reserved or after it was left', async () => {
    const stranger = { 'x-graphql-event-stream-token': '00000000-0000-4000-8000-000000000000' }
    expect((await at('', { headers: { ...stranger, accept: 'text/event-stream' } })).status).toBe(404)
    const token = await reserve()
    const leave = new AbortController()
    const open = () => at(`?token=${token}`, { headers: { accept: 'text/event-stream' }, signal: leave.signal })
    expect((await open()).status).toBe(200)
    expect((await open()).status).toBe(409)
    leave.abort()
    await expect.poll(async () => (await at(`?token=${token}&operationId=1`, { method: 'DELETE' })).status).toBe(404)
  })
})
