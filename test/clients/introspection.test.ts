import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Change, diff } from '@graphql-inspector/core'
import {
  buildClientSchema,
  buildSchema,
  type ExecutionResult,
  getIntrospectionQuery,
  graphqlSync,
  type IntrospectionQuery,
} from 'graphql'
import { createClient as createEventsClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { ROOT } from '../support/paths.js'

/** What graphql-inspector finds between the schema of a running server and schema.graphql, and every other way to ask for it. */

const KEY = 'an-admin-key-of-many-letters'
const file = buildSchema(readFileSync(join(ROOT, 'schema.graphql'), 'utf8'))
const INTROSPECTION = getIntrospectionQuery()

type Ask = (server: InProcessServer, query: string, headers: Record<string, string>) => Promise<ExecutionResult>

async function json(response: Promise<Response>): Promise<ExecutionResult> {
  return (await response).json() as Promise<ExecutionResult>
}

async function first(results: AsyncIterable<ExecutionResult>): Promise<ExecutionResult> {
  for await (const result of results) return result
  throw new Error('it ended without a result')
}

const post =
  (accept: string): Ask =>
  ({ url }, query, headers) =>
    json(
      fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, ...headers },
        body: JSON.stringify({ query }),
      }),
    )

const TRANSPORTS: Readonly<Record<string, Ask>> = {
  'POST, application/json': post('application/json'),
  'POST, application/graphql-response+json': post('application/graphql-response+json'),
  GET: ({ url }, query, headers) => json(fetch(`${url}/graphql?query=${encodeURIComponent(query)}`, { headers })),
  'server-sent events': ({ url }, query, headers) => {
    const client = createEventsClient({ url: `${url}/graphql`, headers, retryAttempts: 0 })
    return first(client.iterate({ query })).finally(() => client.dispose())
  },
  WebSocket: ({ url }, query, connectionParams) => {
    const client = createSocketClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams,
      retryAttempts: 0,
    })
    return first(client.iterate({ query }) as AsyncIterable<ExecutionResult>).finally(() => client.dispose())
  },
}

/** All of them ask for something of the schema itself. */
const DOCUMENTS = [
  getIntrospectionQuery({
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }),
  getIntrospectionQuery({ descriptions: false }),
  '{ __schema { __typename } }',
  '{ schema: __schema { types { name fields(includeDeprecated: true) { name } } } }',
  '{ __type(name: "Query") { fields { name } } }',
  '{ query: __type(name: "Query") { fields { name type { name kind ofType { name } } } } variable: __type(name: "Variable") { fields { name } } }',
  '{ __type(name: "ResultText") { name } }',
  'query Types { ...Whole } fragment Whole on Query { __schema { types { ...Named fields { name } } } } fragment Named on __Type { name }',
  '{ ... on Query { ... { __schema { queryType { fields { name } } } } } }',
  'query ($name: String = "Execution") { __type(name: $name) { fields { name } } }',
  'query ($yes: Boolean = true) { __schema @include(if: $yes) { mutationType { fields { name } } } }',
  '{ __typename ...A } fragment A on Query { ...B } fragment B on Query { __type(name: "Execution") { fields { name args { name } } } }',
]

const clean: Change[] = []

/** The order of types says nothing. */
function byName(result: ExecutionResult | undefined): unknown {
  const nameOf = (item: { name?: string } | null) => item?.name ?? ''
  return JSON.parse(JSON.stringify(result), (_key, value) =>
    Array.isArray(value) ? value.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) : value,
  )
}

let open: InProcessServer
let locked: InProcessServer
beforeAll(async () => {
  open = await startInProcess()
  locked = await startInProcess({ ADMIN_KEY: KEY })
})
afterAll(async () => {
  await open?.close()
  await locked?.close()
})

describe.each(Object.entries(TRANSPORTS))('the schema of a running server, over %s', (name, ask) => {
  it.each([
    ['without keys', () => open, {}],
    ['with a key', () => locked, { authorization: `Bearer ${KEY}` }],
  ])('is schema.graphql %s', async (_name, server, headers) => {
    const { data, errors } = await ask(server(), INTROSPECTION, headers as Record<string, string>)
    expect(errors).toBeUndefined()
    expect(await diff(file, buildClientSchema(data as unknown as IntrospectionQuery))).toEqual(clean)
  })

  it('shows nothing else, however it is asked for', async () => {
    for (const document of DOCUMENTS) {
      const expected = byName(graphqlSync({ schema: file, source: document }))
      // Another text for each transport: one that the server does not know yet, and then does.
      for (const query of [`${document} # ${name}`, `${document} # ${name}`]) {
        expect(byName(await ask(open, query, {})), document).toEqual(expected)
      }
    }
  })
})
