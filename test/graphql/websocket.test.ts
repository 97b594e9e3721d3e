import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from './server.js'
import { connect, openSocket } from './socket.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

const WATCH = `subscription ($id: ID!, $after: Revision) { variableChanged(executionId: $id, afterRevision: $after) {
  kind revision changes { name value previousValue operation actor } } }`
const LONG = '507861119290048685507861119290048685'

function set(id: string, name: string, value: string) {
  return server.ask(`mutation { upsertVariable(input: { executionId: "${id}", name: "${name}", value: ${value} }) { revision } }`)
}

async function openWatches(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^transient_variable_watchers (\d+)$/m.exec(text)?.[1])
}

async function untilNoWatches(): Promise<void> {
  for (let tries = 0; (await openWatches()) > 0; tries += 1) {
    if (tries > 100) throw new Error('a watch is still open')
    await sleep(20)
  }
}

describe('watching', () => {
  it('delivers every change with all its digits, and ends on complete', async () => {
    const client = await connect(server.url)
    client.send({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: { id: '201' } } })
    expect(await client.nextOf('w')).toMatchObject({
      payload: { data: { variableChanged: { kind: 'SUBSCRIBED', revision: 0 } } },
    })
    await set('201', 'n', LONG)
    const message = await client.next()
    expect(message).toContain(`"value":${LONG}`)
    expect(message).toContain('"kind":"CHANGED","revision":1')
    expect(message).toContain('"actor":"api:anonymous"')
    expect(await openWatches()).toBe(1)
    client.send({ id: 'w', type: 'complete' })
    await untilNoWatches()
    client.socket.close()
  })

  it('ends when the socket is gone', async () => {
    const client = await connect(server.url)
    client.send({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: { id: '202' } } })
    await client.nextOf('w')
    client.socket.terminate()
    await untilNoWatches()
  })

  it('keeps the digits of what a client sends', async () => {
    const client = await connect(server.url)
    const query =
      'mutation ($v: JSON) { upsertVariable(input: { executionId: "203", name: "n", value: $v }) { variable { value } } }'
    client.send(`{"id":"m","type":"subscribe","payload":{"query":${JSON.stringify(query)},"variables":{"v":${LONG}}}}`)
    expect(await client.next()).toBe(
      `{"id":"m","type":"next","payload":{"data":{"upsertVariable":{"variable":{"value":${LONG}}}}}}`,
    )
    expect(await client.next()).toBe('{"id":"m","type":"complete"}')
    client.socket.close()
  })

  it('is the same stream over server-sent events, and ends with the request', async () => {
    const abort = new AbortController()
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: WATCH, variables: { id: '204', after: 0 } }),
      signal: abort.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    await set('204', 'n', LONG)
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      if (text.includes('CHANGED')) break
    }
    expect(text).toContain('event: next\ndata: {"data":{"variableChanged":{"kind":"SUBSCRIBED","revision":0')
    expect(text).toContain(`"value":${LONG}`)
    abort.abort()
    await untilNoWatches()
  })
})

describe('a refused operation', () => {
  it.each([
    ['does not parse', '{', 'BAD_REQUEST'],
    ['is not valid', '{ nothing }', 'BAD_REQUEST'],
    ['is over a limit', `{ ${Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ')} }`, 'BAD_REQUEST'],
    ['watches a wrong id', 'subscription { variableChanged(executionId: "x") { kind } }', 'VALIDATION'],
    [
      'watches a negative revision',
      'subscription { variableChanged(executionId: "1", afterRevision: -1) { kind } }',
      'VALIDATION',
    ],
  ])('that %s gets an error of its own, and the others live on', async (_title, query, code) => {
    const client = await connect(server.url)
    client.send({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: { id: '205' } } })
    await client.nextOf('w')
    client.send({ id: 'bad', type: 'subscribe', payload: { query } })
    const error = (await client.nextOf('bad')) as { type: string; payload: { extensions: { code: string } }[] }
    expect(error.type).toBe('error')
    expect(error.payload[0]?.extensions.code).toBe(code)
    client.send({ id: 'bad', type: 'subscribe', payload: { query: '{ __typename }' } })
    expect(await client.nextOf('bad')).toMatchObject({ type: 'next', payload: { data: { __typename: 'Query' } } })
    client.socket.close()
  })

  it('is also the 101st on one socket', async () => {
    const client = await connect(server.url)
    for (let index = 0; index <= 100; index += 1) {
      client.send({ id: `s${index}`, type: 'subscribe', payload: { query: WATCH, variables: { id: '206' } } })
    }
    expect(await client.nextOf('s100')).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'BAD_REQUEST' } }] })
    client.socket.close()
    await untilNoWatches()
  })
})

describe('the protocol', () => {
  it.each([
    ['a message that is none', 'hello', 4400],
    ['a subscription before connection_init', { id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }, 4401],
    ['a frame over 64 KiB', 'x'.repeat(64 * 1024 + 1), 1009],
  ])('%s closes the socket', async (_title, message, code) => {
    const client = await openSocket(server.url)
    client.send(message)
    expect((await client.closed).code).toBe(code)
  })

  it('answers pings, and knows no other subprotocol', async () => {
    const client = await connect(server.url)
    client.send({ type: 'ping' })
    expect(await client.next()).toBe('{"type":"pong"}')
    client.send({ type: 'connection_init' })
    expect((await client.closed).code).toBe(4429)
    await expect(openSocket(server.url, {}, 'graphql-ws')).rejects.toThrow()
    const bare = await openSocket(server.url, {}, '')
    expect((await bare.closed).code).toBe(4406)
  })

  it('waits 3 s for connection_init', async () => {
    const began = performance.now()
    const client = await openSocket(server.url)
    expect((await client.closed).code).toBe(4408)
    expect(performance.now() - began).toBeGreaterThan(2_900)
  })

  it.each([{ origin: 'https://evil.example' }, { host: 'evil.example' }])('an upgrade with %j is refused', async (headers) => {
    await expect(openSocket(server.url, headers as Record<string, string>)).rejects.toThrow('403')
  })
})
