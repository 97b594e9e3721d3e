import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type JsonObject, parseJson } from '../../src/core/json.js'
import { createEmptyDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { countRoundTrips } from '../support/round-trips.js'
import { type InProcessServer, startInProcess } from './server.js'
import { connect, type TestSocket } from './socket.js'

/**
 * Every error is the same over every transport, and whichever way its operation takes: a document that is new or known, its
 * selections printed or (behind a fragment with a directive) resolved field by field.
 */

let server: InProcessServer
let socket: TestSocket
beforeAll(async () => {
  server = await startInProcess({ HISTORY_LIMIT: '10' })
  socket = await connect(server.url)
  const prepared = await server.ask(`mutation {
    a: upsertVariable(input: { executionId: "801", name: "a", value: 1 }) { revision }
    b: upsertVariable(input: { executionId: "802", name: "text", value: "x" }) { revision }
    c: cancelExecution(id: "802") { status } }`)
  expect(prepared.errors).toEqual([])
  for (let value = 0; value < 12; value += 1) {
    await server.ask(`mutation { upsertVariable(input: { executionId: "804", name: "n", value: ${value} }) { revision } }`)
  }
  const trimmed = async () => (await server.ask('{ variables(executionId: "804", asOf: 1) { nodes { id } } }')).errors.length
  await vi.waitFor(async () => expect(await trimmed()).toBe(1), { timeout: within(20_000), interval: 100 })
})
afterAll(async () => {
  socket?.socket.terminate()
  await server?.close()
})

interface Asked {
  readonly document: string
  readonly variables: string
}

type Transport = (asked: Asked) => Promise<JsonObject>
const body = ({ document, variables }: Asked) => `{"query":${JSON.stringify(document)},"variables":${variables}}`
const post = async (asked: Asked, accept: string) => (await server.post(body(asked), { accept })).text

let operations = 0
const TRANSPORTS: Readonly<Record<string, Transport>> = {
  'application/json': async (asked) => parseJson(await post(asked, 'application/json')) as JsonObject,
  'application/graphql-response+json': async (asked) =>
    parseJson(await post(asked, 'application/graphql-response+json')) as JsonObject,
  'in chunks': async (asked) =>
    parseJson((await server.postChunked(body(asked), { accept: 'application/json' })).text) as JsonObject,
  'text/event-stream': async (asked) => {
    const [, data = ''] = /event: next\ndata: (.*)\n\n/.exec(await post(asked, 'text/event-stream')) ?? []
    return parseJson(data) as JsonObject
  },
  WebSocket: async (asked) => {
    operations += 1
    const id = String(operations)
    socket.send(`{"id":"${id}","type":"subscribe","payload":${body(asked)}}`)
    const { type, payload } = await socket.nextOf(id)
    if (type === 'error') return { errors: payload ?? null }
    expect((await socket.nextOf(id))['type']).toBe('complete')
    return payload as JsonObject
  },
}

const input = (fields: string) => `upsertVariable(input: { executionId: "801", ${fields} }) { variable { id value } revision }`
const long = 'x'.repeat(300)

/** Code, kind and selection; what it says is compared between transports. */
const FIELDS: readonly (readonly [code: string, kind: 'Query' | 'Mutation', selection: string])[] = [
  ['VALIDATION', 'Query', 'variables(executionId: "zero") { nodes { id value } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "0") { nodes { id value } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "9223372036854775808") { nodes { id } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "801", first: 251) { nodes { id } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "801", first: -1) { nodes { id } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "801", after: "forged") { nodes { id } }'],
  ['VALIDATION', 'Query', 'variables(executionId: "801", asOf: 99) { nodes { id } }'],
  ['REVISION_GONE', 'Query', 'variables(executionId: "804", asOf: 1) { nodes { id value } }'],
  ['VALIDATION', 'Query', 'variable(executionId: "801", name: "a b") { id value }'],
  ['VALIDATION', 'Query', `variable(executionId: "801", name: "${long}") { id value }`],
  ['VALIDATION', 'Mutation', input('name: "a"')],
  ['VALIDATION', 'Mutation', input('name: "__proto__", value: 1')],
  ['VALIDATION', 'Mutation', input('name: "b", value: { constructor: 1 }')],
  ['VALIDATION', 'Mutation', input('name: "b", value: 1e400')],
  ['VALIDATION', 'Mutation', input('name: "b", value: 1, expectedVersion: -1')],
  ['VALIDATION', 'Mutation', 'incrementVariable(input: { executionId: "801", name: "a", by: 1e400 }) { revision }'],
  [
    'VALIDATION',
    'Mutation',
    'upsertVariables(input: { executionId: "801", variables: [{ name: "b", value: 1 }, { name: "b", value: 2 }] }) { revision }',
  ],
  ['BAD_REQUEST', 'Mutation', 'upsertVariables(input: { executionId: "801", variables: [] }) { revision }'],
  ['BAD_REQUEST', 'Mutation', input('name: "b", value: 1, type: NUMBER')],
  ['CONFLICT', 'Mutation', input('name: "a", value: 2, expectedVersion: 0')],
  ['CONFLICT', 'Mutation', 'deleteVariable(input: { executionId: "801", name: "a", expectedVersion: 7 }) { deleted }'],
  ['EXECUTION_FINISHED', 'Mutation', 'upsertVariable(input: { executionId: "802", name: "n", value: 1 }) { variable { id } }'],
  ['VALIDATION', 'Mutation', input(`name: "b", value: 1, sourceStep: "${'s'.repeat(5000)}"`)],
  ['NOT_FOUND', 'Mutation', 'cancelExecution(id: "803") { id status }'],
  ['NOT_FOUND', 'Mutation', 'startExecution(input: { path: "no/such" }) { id status }'],
  ['PLAYBOOK_INVALID', 'Mutation', 'registerPlaybook(source: "kind: Playbook") { id path }'],
  ['BAD_REQUEST', 'Query', 'variables(executionId: "801") { nodes { id nothing } }'],
  ['BAD_REQUEST', 'Query', 'variables { nodes { id } }'],
]

/** Refused before anything runs. */
const DOCUMENTS: readonly (readonly [title: string, document: string, variables?: string])[] = [
  ['is no GraphQL', '{ variables('],
  ['is empty', ''],
  ['has no such operation', 'query A { me { name } } query B { me { name } }'],
  ['is too deep', `{ execution(id: "1") ${'{ parent '.repeat(12)}{ id }${'}'.repeat(12)} }`],
  ['has too many aliases', `{ ${Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ')} }`],
  ['has too many directives', `{ me ${'@include(if: true) '.repeat(6)}{ name } }`],
  ['has too many tokens', `{ ${'__typename '.repeat(1001)} }`],
  ['costs too much', '{ executions(first: 250) { nodes { variables(first: 250) { nodes { id name value type } } } } }'],
  ['lacks a variable', 'query ($id: ID!) { execution(id: $id) { id } }'],
  ['gives a variable of another type', 'query ($id: ID!) { execution(id: $id) { id } }', '{"id":{"a":1}}'],
  ['subscribes wrongly', 'subscription { variableChanged(executionId: "801", afterRevision: -1) { revision } }'],
]

/** A frame over this is refused before anybody reads it. */
const FRAME = 64 * 1024

/** Places in the document are others behind a fragment. */
const bare = (answer: JsonObject): unknown =>
  ((answer['errors'] ?? []) as JsonObject[]).map(({ locations: _, ...error }) => error)

async function answersOf(documents: readonly string[], variables = '{}'): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const [name, transport] of Object.entries(TRANSPORTS)) {
    if (name === 'WebSocket' && variables.length > FRAME) continue
    for (const document of documents) {
      // Another text for each transport, so that each has a document that it sees for the first time.
      for (const text of [`${document} # ${name}`, `${document} # ${name}`]) {
        if (document.startsWith('subscription') && !['WebSocket', 'text/event-stream'].includes(name)) continue
        answers.push(bare(await transport({ document: text, variables })))
      }
    }
  }
  return answers
}

describe('an error is the same over every transport, new or known, printed or resolved', () => {
  it.each(FIELDS)('%s: %s %s', async (code, kind, selection) => {
    const operation = kind.toLowerCase()
    const answers = await answersOf([
      `${operation} { ${selection} }`,
      `${operation} { ...Whole @include(if: true) } fragment Whole on ${kind} { ${selection} }`,
    ])
    expect(answers.length).toBe(20)
    expect(answers[0]).toMatchObject([{ extensions: { code } }])
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })

  it.each(DOCUMENTS)('a document that %s', async (_title, document, variables) => {
    const answers = await answersOf([document ?? ''], variables)
    expect(answers.length).toBeGreaterThanOrEqual(4)
    expect(answers[0]).not.toEqual([])
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })

  it('TOO_LARGE: a value that fits no frame', async () => {
    const write = 'upsertVariable(input: { executionId: "801", name: "b", value: $value }) { variable { id } }'
    const answers = await answersOf(
      [
        `mutation ($value: JSON) { ${write} }`,
        `mutation ($value: JSON) { ...Whole @include(if: true) } fragment Whole on Mutation { ${write} }`,
      ],
      `{"value":"${'x'.repeat(257 * 1024)}"}`,
    )
    expect(answers.length).toBe(16)
    expect(answers[0]).toMatchObject([{ extensions: { code: 'TOO_LARGE' } }])
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })

  it('and nothing of it was written', async () => {
    const { data } = await server.ask('{ variables(executionId: "801") { nodes { name value version } revision } }')
    expect(data).toEqual({ variables: { nodes: [{ name: 'a', value: 1, version: 1 }], revision: 1 } })
  })
})

describe('while PostgreSQL is away', () => {
  let drop: () => Promise<void>
  beforeAll(async () => {
    const database = await createEmptyDatabase()
    const line = await countRoundTrips(database.url)
    drop = database.drop
    socket.socket.terminate()
    await server.close()
    server = await startInProcess({ DATABASE_URL: line.url })
    socket = await connect(server.url)
    expect((await server.ask(`mutation { ${WRITE} }`)).errors).toEqual([])
    await line.close()
    await server.ask(`mutation { ${WRITE} }`)
  })
  afterAll(() => drop?.())

  const WRITE = 'upsertVariable(input: { executionId: "901", name: "a", value: 1 }) { variable { id } }'
  it.each([
    ['Mutation', WRITE],
    ['Query', 'variable(executionId: "901", name: "a") { id value }'],
    ['Query', 'variables(executionId: "901") { nodes { id value } }'],
  ])('OVERLOADED: %s %s', async (kind, selection) => {
    const answers = await answersOf([
      `${kind.toLowerCase()} { ${selection} }`,
      `${kind.toLowerCase()} { ...Whole @include(if: true) } fragment Whole on ${kind} { ${selection} }`,
    ])
    expect(answers.length).toBe(20)
    expect(answers[0]).toMatchObject([{ extensions: { code: 'OVERLOADED' } }])
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })
})
