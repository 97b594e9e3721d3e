import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, printSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { schema } from '../../src/graphql/index.js'
import { codesOf, type InProcessServer, startInProcess } from './server.js'
import { connect } from './socket.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(() => server?.close())

const set = (executionId: string, name: string, value: number, rest = ''): string =>
  `upsertVariable(input: {executionId: "${executionId}", name: "${name}", value: ${value}${rest}})`

async function ask(query: string): Promise<JsonObject> {
  return JSON.parse((await server.ask(query)).text) as JsonObject
}

async function values(id: string): Promise<unknown> {
  const { data } = await server.ask(`{ variables(executionId: "${id}") { nodes { name value } } }`)
  return (data as { variables: { nodes: unknown } }).variables.nodes
}

describe('what was carried out before a refused mutation', () => {
  it('is told beside the error, and nothing after it is carried out', async () => {
    const query = `mutation { a: ${set('601', 'a', 1)} { revision changed variable { name } } b: ${set('601', 'a', 2, ', expectedVersion: 50')} { revision } c: ${set('601', 'c', 3)} { revision } }`
    const answer = await ask(query)
    expect(answer).toMatchObject({ data: null, errors: [{ path: ['b'], extensions: { code: 'CONFLICT' } }] })
    expect(answer['extensions']).toEqual({ completed: { a: { revision: 1, changed: true, variable: { name: 'a' } } } })
    expect(answer['errors']).toHaveLength(1)
    expect(await values('601')).toEqual([{ name: 'a', value: 1 }])
  })

  it('also through fragments, and over a WebSocket', async () => {
    const query = `mutation { ...All } fragment All on Mutation { a: ${set('602', 'a', 1)} { ...Told } b: ${set('602', 'a', 2, ', expectedVersion: 50')} { ...Told } } fragment Told on UpsertVariablePayload { revision }`
    expect(await ask(query)).toMatchObject({ data: null, extensions: { completed: { a: { revision: 1 } } } })
    const socket = await connect(server.url)
    socket.send({ id: '1', type: 'subscribe', payload: { query: query.replaceAll('"602"', '"603"') } })
    expect(await socket.nextOf('1')).toMatchObject({
      type: 'next',
      payload: { data: null, extensions: { completed: { a: { revision: 1 } } } },
    })
    socket.socket.close()
  })

  it('is not told where there is nothing to tell', async () => {
    const first = await ask(
      `mutation { b: ${set('604', 'a', 2, ', expectedVersion: 50')} { revision } c: ${set('604', 'c', 3)} { revision } }`,
    )
    expect(first).toEqual({ data: null, errors: [expect.objectContaining({ path: ['b'] })] })
    expect(await ask(`mutation { a: ${set('604', 'a', 1)} { revision } }`)).toEqual({ data: { a: { revision: 1 } } })
    // One that may answer null takes nobody with it.
    const reveal = 'revealVariable(executionId: "604", name: "not a name") { name }'
    expect(
      await ask(`mutation { a: ${set('604', 'a', 2)} { revision } r: ${reveal} b: ${set('604', 'a', 3)} { revision } }`),
    ).toMatchObject({
      data: { a: { revision: 2 }, r: null, b: { revision: 3 } },
      errors: [{ path: ['r'] }],
    })
  })

  it('a read that is refused takes its neighbours, as the schema says', async () => {
    const answer = await server.ask('{ me { name } variables(executionId: "605", asOf: 99999) { totalCount } }')
    expect(answer.data).toBeNull()
    expect(codesOf(answer)).toEqual(['VALIDATION'])
  })
})

it('introspection shows the schema, and nothing of how it is executed', async () => {
  const { data } = await ask(getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true }))
  expect(printSchema(buildClientSchema(data as unknown as IntrospectionQuery))).toBe(printSchema(schema))
  const named = await ask('{ __type(name: "VariableConnection") { fields { name } } other: __type(name: "ResultText") { name } }')
  expect(named).toEqual({
    data: { __type: { fields: ['edges', 'nodes', 'pageInfo', 'totalCount', 'revision'].map((name) => ({ name })) }, other: null },
  })
})
