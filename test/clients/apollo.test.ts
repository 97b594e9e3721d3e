import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { CombinedGraphQLErrors } from '@apollo/client/errors'
import { SetContextLink } from '@apollo/client/link/context'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities'
import { type Client, type ClientOptions, createClient } from 'graphql-ws'
import { defer, firstValueFrom, repeat } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { type Line, startLine } from '../support/line.js'
import { newId } from '../variables/support.js'

/** Apollo Client 4, as its documentation makes it; the line of its WebSocket can be cut. */

const KEY = 'an-admin-key-of-many-letters'
const authorization = `Bearer ${KEY}`

const ME = gql`query Me { me { name } }`
const READ = gql`query Read($id: ID!, $asOf: Revision) { variables(executionId: $id, asOf: $asOf) { nodes { id name value } revision } }`
const PAGE = gql`query Page($id: ID!, $after: String) {
  variables(executionId: $id, first: 2, after: $after) { edges { cursor node { id name } } pageInfo { hasNextPage endCursor } } }`
const WRITE = gql`mutation Write($input: UpsertVariableInput!) { upsertVariable(input: $input) { variable { id name value } revision } }`
const REVEAL = gql`mutation Reveal($id: ID!) { revealVariable(executionId: $id, name: "n") { id name value } }`
const WATCH = gql`subscription Watch($id: ID!, $after: Revision) {
  variableChanged(executionId: $id, afterRevision: $after) { kind revision changes { name value } } }`

let server: InProcessServer
let line: Line
beforeAll(async () => {
  // Apollo's link looks for the global one, which Node has from 22 on.
  vi.stubGlobal('WebSocket', WebSocket)
  server = await startInProcess({ ADMIN_KEY: KEY, ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}` })
  line = await startLine(Number(new URL(server.url).port))
})
const sockets: Client[] = []
afterAll(async () => {
  vi.unstubAllGlobals()
  for (const socket of sockets) await socket.dispose()
  await line?.close()
  await server?.close()
})

/** What a client asked, and what it heard. */
interface Exchange {
  readonly method: string
  readonly url: URL
  readonly body: string
  readonly status: number
  readonly text: string
}

interface Opened {
  readonly client: ApolloClient
  readonly exchanges: readonly Exchange[]
}

interface Options extends HttpLink.Options {
  readonly persisted?: PersistedQueryLink
  readonly socket?: Client
}

function createSocket(options: Partial<ClientOptions> = {}): Client {
  const url = `ws://127.0.0.1:${line.port}/graphql`
  const socket = createClient({ url, connectionParams: { authorization }, ...options })
  sockets.push(socket)
  return socket
}

function open({ persisted, socket = createSocket(), ...options }: Options = {}): Opened {
  const exchanges: Exchange[] = []
  const watched: typeof fetch = async (url, init) => {
    const response = await fetch(url, init)
    const { method = 'GET', body } = init ?? {}
    exchanges.push({
      method,
      url: new URL(String(url)),
      body: String(body),
      status: response.status,
      text: await response.clone().text(),
    })
    return response
  }
  const auth = new SetContextLink(({ headers }) => ({ headers: { ...headers, authorization } }))
  const http = new HttpLink({ uri: `${server.url}/graphql`, fetch: watched, ...options })
  const overHttp = ApolloLink.from([auth, ...(persisted ? [persisted] : []), http])
  const link = ApolloLink.split(
    ({ query }) => {
      const definition = getMainDefinition(query)
      return definition.kind === 'OperationDefinition' && definition.operation === 'subscription'
    },
    new GraphQLWsLink(socket),
    overHttp,
  )
  const cache = new InMemoryCache({
    typePolicies: { Query: { fields: { variables: relayStylePagination(['executionId', 'asOf']) } } },
  })
  return { client: new ApolloClient({ link, cache }), exchanges }
}

async function write({ client }: Opened, executionId: string, name: string, value: unknown, rest: object = {}): Promise<unknown> {
  const { data } = await client.mutate({ mutation: WRITE, variables: { input: { executionId, name, value, ...rest } } })
  return data
}

describe('Apollo Client over HTTP', () => {
  it('posts queries and mutations', async () => {
    const opened = open()
    expect((await opened.client.query({ query: ME })).data).toMatchObject({ me: { name: 'admin' } })
    expect(await write(opened, newId(), 'n', [1.5, null])).toMatchObject({
      upsertVariable: { variable: { value: [1.5, null] }, revision: 1 },
    })
    expect(opened.exchanges.map(({ method }) => method)).toEqual(['POST', 'POST'])
  })

  it('gets queries, and posts mutations', async () => {
    const opened = open({ useGETForQueries: true })
    const id = newId()
    await write(opened, id, 'n', 'é&+')
    const { data } = await opened.client.query({ query: READ, variables: { id } })
    expect(data).toMatchObject({ variables: { nodes: [{ value: 'é&+' }], revision: 1 } })
    expect(opened.exchanges.map(({ method }) => method)).toEqual(['POST', 'GET'])
  })

  it('hears what is wrong', async () => {
    const { client } = open()
    const wrong = client.query({ query: gql`query Wrong { nothing }` })
    await expect(wrong).rejects.toSatisfy(CombinedGraphQLErrors.is)
    await expect(wrong).rejects.toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    const missing = client.mutate({ mutation: gql`mutation Missing { cancelExecution(id: "1") { id } }` })
    await expect(missing).rejects.toMatchObject({ errors: [{ path: ['cancelExecution'], extensions: { code: 'NOT_FOUND' } }] })
  })
})

describe.each([
  ['posted', false],
  ['got', true],
])('persisted queries, %s', (_name, useGETForHashedQueries) => {
  it('are not kept here: the client hears so, once, and goes on with documents', async () => {
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
    const { client, exchanges } = open({ persisted: new PersistedQueryLink({ sha256, useGETForHashedQueries }) })
    for (let times = 0; times < 2; times += 1) {
      const { data } = await client.query({ query: ME, fetchPolicy: 'network-only' })
      expect(data).toMatchObject({ me: { name: 'admin' } })
    }
    const [hashed, ...whole] = exchanges
    const asked = useGETForHashedQueries ? hashed?.url.searchParams.get('extensions') : hashed?.body
    expect(asked).toContain('"sha256Hash"')
    expect(hashed?.method).toBe(useGETForHashedQueries ? 'GET' : 'POST')
    expect(hashed?.text).toContain('PERSISTED_QUERY_NOT_SUPPORTED')
    expect(whole.map(({ status, text }) => ({ status, ...JSON.parse(text) }))).toEqual([
      { status: 200, data: { me: { name: 'admin', __typename: 'Caller' } } },
      { status: 200, data: { me: { name: 'admin', __typename: 'Caller' } } },
    ])
  })
})

describe('the normalised cache', () => {
  interface Shown {
    readonly variables: { readonly nodes: readonly { readonly id: string; readonly value: unknown }[] }
  }
  it('keeps the present when the past is read', async () => {
    const opened = open()
    const id = newId()
    await write(opened, id, 'n', 'old')
    await write(opened, id, 'n', 'new')
    const values = async (asOf: number | null, fetchPolicy: 'network-only' | 'cache-only') => {
      const { data } = await opened.client.query<Shown>({ query: READ, variables: { id, asOf }, fetchPolicy })
      return data?.variables.nodes.map(({ value }) => value)
    }
    expect(await values(null, 'network-only')).toEqual(['new'])
    expect(await values(1, 'network-only')).toEqual(['old'])
    expect(await values(null, 'cache-only')).toEqual(['new'])
    expect(await values(1, 'cache-only')).toEqual(['old'])
    // What is written now is seen now, and does not change what was.
    await write(opened, id, 'n', 'newest')
    expect(await values(null, 'cache-only')).toEqual(['newest'])
    expect(await values(1, 'cache-only')).toEqual(['old'])
  })

  it('keeps the mask when a sensitive variable is revealed', async () => {
    const opened = open()
    const id = newId()
    await write(opened, id, 'n', 'secret', { sensitive: true })
    await opened.client.query({ query: READ, variables: { id } })
    const { data } = await opened.client.mutate({ mutation: REVEAL, variables: { id } })
    expect(data).toMatchObject({ revealVariable: { value: 'secret' } })
    const kept = await opened.client.query<Shown>({ query: READ, variables: { id }, fetchPolicy: 'cache-only' })
    expect(kept.data?.variables.nodes).toMatchObject([{ value: '********' }])
  })

  it('joins the pages of a list', async () => {
    const opened = open()
    const id = newId()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await write(opened, id, name, 1)
    interface Page {
      readonly variables: {
        readonly edges: readonly { readonly node: { readonly name: string } }[]
        readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string }
      }
    }
    const list = opened.client.watchQuery<Page>({ query: PAGE, variables: { id } })
    const subscription = list.subscribe(() => undefined)
    const shown = () => list.getCurrentResult().data as Page | undefined
    for (const names of [
      ['a', 'b'],
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd', 'e'],
    ]) {
      await expect.poll(() => shown()?.variables.edges.map(({ node }) => node.name)).toEqual(names)
      const { hasNextPage, endCursor } = shown()?.variables.pageInfo ?? {}
      expect(hasNextPage).toBe(names.length < 5)
      if (hasNextPage) await list.fetchMore({ variables: { after: endCursor } })
    }
    subscription.unsubscribe()
  })
})

describe('subscriptions over GraphQLWsLink', () => {
  interface Watched {
    readonly variableChanged: { readonly revision: number; readonly changes: readonly { readonly value: unknown }[] }
  }

  /** Writes 1 to 6, and cuts the line in the middle, when everything before has arrived. */
  async function writeAndCut(opened: Opened, id: string, seen: readonly unknown[]): Promise<void> {
    for (let value = 1; value <= 6; value += 1) {
      await write(opened, id, 'n', value)
      if (value !== 3) continue
      await expect.poll(() => seen.includes(3)).toBe(true)
      line.cut()
    }
  }

  it('end with a cut, and begin again after the last revision seen: every change exactly once', async () => {
    const opened = open({ socket: createSocket({ retryAttempts: 0 }) })
    const id = newId()
    const seen: unknown[] = []
    const faults: string[] = []
    let after = 0
    const watch = defer(() => opened.client.subscribe<Watched>({ query: WATCH, variables: { id, after } }))
    const subscription = watch.pipe(repeat({ delay: 50 })).subscribe(({ data, error }) => {
      if (error) faults.push(error.message)
      if (!data) return
      after = data.variableChanged.revision
      seen.push(...data.variableChanged.changes.map(({ value }) => value))
    })
    await writeAndCut(opened, id, seen)
    await expect.poll(() => seen).toEqual([1, 2, 3, 4, 5, 6])
    expect(faults).toEqual(['Socket closed with event 1006 '])
    subscription.unsubscribe()
  })

  it("begin again by the socket's own retries, from where they began: by its revision every change is seen once", async () => {
    const opened = open({ socket: createSocket({ retryWait: () => sleep(50) }) })
    const id = newId()
    const seen: unknown[] = []
    let messages = 0
    let last = 0
    const watch = opened.client.subscribe<Watched>({ query: WATCH, variables: { id, after: 0 } })
    const subscription = watch.subscribe(({ data, error }) => {
      expect(error).toBeUndefined()
      const { revision = 0, changes = [] } = data?.variableChanged ?? {}
      messages += changes.length
      if (revision > last) seen.push(...changes.map(({ value }) => value))
      last = Math.max(last, revision)
    })
    await writeAndCut(opened, id, seen)
    await expect.poll(() => seen).toEqual([1, 2, 3, 4, 5, 6])
    expect(messages).toBe(9)
    subscription.unsubscribe()
  })

  it('hear that an operation is refused', async () => {
    const { client } = open()
    const { error } = await firstValueFrom(client.subscribe({ query: WATCH, variables: { id: '0' } }))
    expect(CombinedGraphQLErrors.is(error) && error.errors).toMatchObject([{ extensions: { code: 'VALIDATION' } }])
  })
})
