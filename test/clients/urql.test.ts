import { cacheExchange, createClient, fetchExchange, gql, subscriptionExchange } from '@urql/core'
import { createClient as createSocketClient, type Sink, type Client as SocketClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { newId } from '../variables/support.js'

/** urql, as its documentation makes it. */

const KEY = 'an-admin-key-of-many-letters'
const authorization = `Bearer ${KEY}`

const READ = gql`query ($id: ID!) { variables(executionId: $id) { nodes { id name value } revision } }`
const WRITE = gql`mutation ($id: ID!, $value: JSON!) {
  upsertVariable(input: { executionId: $id, name: "n", value: $value }) { variable { id name value } revision } }`
const RENDER = gql`query ($context: JSON!) { renderTemplate(template: "{{ text }}", context: $context) { value } }`
const WATCH = gql`subscription ($id: ID!) { variableChanged(executionId: $id, afterRevision: 0) { revision changes { value } } }`

let server: InProcessServer
let socket: SocketClient
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY })
  const url = `${server.url.replace('http', 'ws')}/graphql`
  socket = createSocketClient({ url, webSocketImpl: WebSocket, connectionParams: { authorization } })
})
afterAll(async () => {
  await socket?.dispose()
  await server?.close()
})

const overSocket = subscriptionExchange({
  forwardSubscription(request) {
    const input = { ...request, query: request.query || '' }
    return {
      subscribe(sink) {
        const unsubscribe = socket.subscribe(input, sink as Sink)
        return { unsubscribe }
      },
    }
  },
})

interface Options {
  readonly fetchSubscriptions?: boolean
  readonly headers?: Record<string, string>
}

/** A client, and the methods of its requests with the status of what came. */
function open({ fetchSubscriptions = false, headers = { authorization } }: Options = {}) {
  const requests: string[] = []
  const watched: typeof fetch = async (url, init) => {
    const response = await fetch(url, init)
    requests.push(`${init?.method ?? 'GET'} ${response.status}`)
    return response
  }
  const client = createClient({
    url: `${server.url}/graphql`,
    exchanges: fetchSubscriptions ? [cacheExchange, fetchExchange] : [cacheExchange, fetchExchange, overSocket],
    fetchOptions: { headers },
    fetch: watched,
    fetchSubscriptions,
  })
  return { client, requests }
}

describe('urql', () => {
  it('gets short queries, posts long ones and mutations, and reads anew what a mutation changed', async () => {
    const { client, requests } = open()
    const id = newId()
    const read = async () => (await client.query(READ, { id }).toPromise()).data
    for (const value of ['é&+', { a: [1] }]) {
      const { data, error } = await client.mutation(WRITE, { id, value }).toPromise()
      expect(error).toBeUndefined()
      expect(data).toMatchObject({ upsertVariable: { variable: { value } } })
      // From the network once, then from the cache.
      for (let times = 0; times < 2; times += 1) expect(await read()).toMatchObject({ variables: { nodes: [{ value }] } })
    }
    expect(requests).toEqual(['POST 200', 'GET 200', 'POST 200', 'GET 200'])
    const context = { text: 'long'.repeat(600) }
    const long = await client.query(RENDER, { context }).toPromise()
    expect(long.data).toMatchObject({ renderTemplate: { value: context.text } })
    expect(requests.at(-1)).toBe('POST 200')
  })

  it.each([
    ['a WebSocket', false],
    ['server-sent events', true],
  ])('watches over %s', async (_name, fetchSubscriptions) => {
    const { client, requests } = open({ fetchSubscriptions })
    const id = newId()
    const seen: unknown[] = []
    const { unsubscribe } = client.subscription(WATCH, { id }).subscribe(({ data, error }) => {
      expect(error).toBeUndefined()
      for (const { value } of data.variableChanged.changes) seen.push(value)
    })
    for (let value = 1; value <= 3; value += 1) await client.mutation(WRITE, { id, value }).toPromise()
    await expect.poll(() => seen).toEqual([1, 2, 3])
    unsubscribe()
    expect(requests.length).toBe(fetchSubscriptions ? 4 : 3)
    // The end of a watch is the server's to notice, too.
    await expect.poll(async () => /^transient_variable_watchers (\d+)$/m.exec(await metrics())?.[1]).toBe('0')
  })

  it('hears what is wrong', async () => {
    const { client } = open()
    const { error } = await client.query('{ nothing }', {}).toPromise()
    expect(error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'BAD_REQUEST' })
    const missing = await client.mutation('mutation { cancelExecution(id: "1") { id } }', {}).toPromise()
    expect(missing.error?.graphQLErrors[0]).toMatchObject({ path: ['cancelExecution'], extensions: { code: 'NOT_FOUND' } })
    const stranger = await open({ headers: {} }).client.query('{ me { name } }', {}).toPromise()
    expect(stranger.error?.response.status).toBe(401)
    expect(stranger.error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' })
    const refused = await new Promise((resolve) => client.subscription(WATCH, { id: '0' }).subscribe(resolve))
    expect(refused).toMatchObject({ error: { graphQLErrors: [{ extensions: { code: 'VALIDATION' } }] } })
  })
})

async function metrics(): Promise<string> {
  return (await fetch(`${server.url}/metrics`, { headers: { authorization } })).text()
}
