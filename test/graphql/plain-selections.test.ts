import { envelop, useEngine, useSchema } from '@envelop/core'
import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLFieldConfig,
  type GraphQLObjectType,
  type GraphQLSchema,
  parse,
  subscribe,
  validate,
} from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseJson, stringifyJson } from '../../src/core/json.js'
import { createClientErrors } from '../../src/graphql/errors.js'
import { useDocuments } from '../../src/graphql/plugins/documents.js'
import { createTextPlanner } from '../../src/graphql/plugins/plain-selections.js'
import { PLAIN, stringifyResult } from '../../src/graphql/printer.js'
import { RIGHTS_PLUGIN } from '../../src/graphql/rights-plugin.js'
import { type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

const VARIABLE =
  'id executionId name value type sourceStep revision version accessCount createdAt updatedAt accessedAt __typename'
const CHANGE = 'revision name operation value previousValue type sourceStep actor changedAt'

// What stands behind a fragment with a directive is executed by graphql-js all the way down; the same without one is printed.
describe('what is printed is what graphql-js answers', () => {
  beforeAll(async () => {
    const values = [
      '1',
      '1.0',
      '507861119290048685507861119290048685',
      '"é \\" \\\\ \\u2028 \\ud83d\\ude00"',
      'null',
      '{"a": [1.50, {}]}',
      '[]',
      'true',
    ]
    const list = values.map((value, index) => `{ "name": "v${index}", "value": ${value} }`).join()
    await server.ask(
      'mutation ($v: [VariableValueInput!]!) { upsertVariables(input: { executionId: "301", variables: $v }) { revision } }',
      `{"v": [${list}]}`,
    )
    await server.ask('mutation { deleteVariable(input: { executionId: "301", name: "v7" }) { deleted } }')
  })

  it.each([
    `variables(executionId: "301") { nodes { ${VARIABLE} } totalCount revision pageInfo { hasNextPage endCursor startCursor } }`,
    `variables(executionId: "301", first: 2) { edges { cursor node { n: name, value } } other: totalCount }`,
    'variables(executionId: "302") { nodes { name } edges { cursor } pageInfo { startCursor } }',
    `variableHistory(executionId: "301") { nodes { ${CHANGE} } totalCount }`,
    'executions { nodes { id status workload playbook { path } error { code } variables(first: 1) { nodes { name value } } } totalCount }',
    'execution(id: "301") { id error { code } parent { id } createdAt finishedAt variables { nodes { value } } }',
    'execution(id: "303") { id }',
    'variables(executionId: "301", first: 251) { totalCount }',
    'variables(executionId: "0") { nodes { name } }',
    'a: variables(executionId: "301", first: 1) { nodes { name } } b: variables(executionId: "0") { totalCount }',
    'validatePlaybook(source: "") { valid problems { message line } }',
  ])('%s', async (selection) => {
    const printed = await server.ask(`{ ${selection} }`)
    const resolved = await server.ask(`{ ...Whole @include(if: true) } fragment Whole on Query { ${selection} }`)
    const spread = await server.ask(`{ ...Whole } fragment Whole on Query { ${selection} }`)
    // A list's values are spliced as PostgreSQL writes them, with spaces.
    const bare = ({ text }: { text: string }) => stringifyJson(parseJson(text)).replaceAll(/"locations":\[[^\]]*\],?/g, '')
    expect(bare(printed)).toBe(bare(resolved))
    expect(bare(spread)).toBe(bare(resolved))
  })

  it('skips and includes as asked', async () => {
    const query = 'query ($on: Boolean!) { variables(executionId: "301") @include(if: $on) { totalCount } __typename }'
    expect((await server.ask(query, '{"on": false}')).data).toEqual({ __typename: 'Query' })
    expect((await server.ask(query, '{"on": true}')).data).toEqual({ variables: { totalCount: 7 }, __typename: 'Query' })
  })

  it('merges what stands twice', async () => {
    const answer = await server.ask('{ variables(executionId: "301", first: 1) { nodes { name } nodes { value } } }')
    expect(answer.data).toEqual({ variables: { nodes: [{ name: 'v0', value: 1 }] } })
  })
})

interface Fake {
  readonly [name: string]: unknown
}

/** A small schema whose plain fields fail as one likes. */
function faultySchema(): GraphQLSchema {
  const schema = buildSchema(
    'type Query { page: Page } type Page { items: [Item!]! item: Item } type Item { name: String! bad: Int }',
  )
  const fieldsOf = (type: string) => (schema.getType(type) as GraphQLObjectType).getFields()
  const plain = (type: string, name: string, resolve?: GraphQLFieldConfig<Fake, unknown>['resolve']) => {
    const field = fieldsOf(type)[name]
    if (field === undefined) throw new Error(`${type} has no ${name}`)
    field.extensions = PLAIN
    if (resolve) field.resolve = resolve
  }
  plain('Item', 'bad', () => {
    throw new Error('planted')
  })
  return schema
}

describe('a fault while printing', () => {
  const schema = faultySchema()
  const planner = createTextPlanner(schema)
  const answer = async (query: string, rootValue: unknown) => {
    const printed = await execute({ schema: planner.schema, document: planner.plan(parse(query)), rootValue })
    const resolved = await execute({ schema, document: parse(query), rootValue })
    return [printed, resolved] as ExecutionResult[]
  }

  it.each([
    ['a null where none may be', '{ page { items { name } } }', { page: { items: [{ name: 'a' }, { name: null }] } }],
    ['a null in a list', '{ page { items { name } } }', { page: { items: [null] } }],
    ['a list that is none', '{ page { items { name } } }', { page: { items: null } }],
  ])('%s has the place where it was', async (_title, query, root) => {
    const [printed, resolved] = await answer(query, root)
    expect(printed?.data).toEqual(resolved?.data)
    expect(printed?.errors?.map(({ message, path }) => ({ message, path }))).toEqual(
      resolved?.errors?.map(({ message, path }) => ({ message, path })),
    )
  })

  it('of a resolver has its place and its cause', async () => {
    const [printed] = await answer('{ page { items { bad } } }', { page: { items: [{}] } })
    expect(printed?.errors?.[0]).toMatchObject({
      message: 'planted',
      path: ['page', 'items', 0, 'bad'],
      originalError: { message: 'planted' },
    })
  })

  it('nothing but the faulty field is lost', async () => {
    const [printed] = await answer('{ page { item { bad } } other: page { items { name } } }', { page: { item: {}, items: [] } })
    expect(stringifyResult(printed as ExecutionResult)).toContain('"data":{"page":null,"other":{"items":[]}}')
  })
})

describe('what only some may see', () => {
  const builder = new SchemaBuilder<{ AuthScopes: { high: boolean } }>({
    plugins: [ScopeAuthPlugin, RIGHTS_PLUGIN],
    scopeAuth: { authScopes: () => ({ high: false }) },
  })
  const Open = builder.objectRef<{ secret: string; name: string }>('Open').implement({
    fields: (t) => ({ name: t.exposeString('name'), secret: t.exposeString('secret', { authScopes: { high: true } }) }),
  })
  const Closed = builder.objectRef<{ name: string }>('Closed').implement({
    authScopes: { high: true },
    fields: (t) => ({ name: t.exposeString('name') }),
  })
  builder.queryType({
    fields: (t) => ({
      open: t.field({ type: Open, nullable: true, authScopes: () => true, resolve: () => ({ name: 'a', secret: 'b' }) }),
      closed: t.field({ type: Closed, nullable: true, authScopes: () => true, resolve: () => ({ name: 'a' }) }),
    }),
  })
  const planner = createTextPlanner(builder.toSchema())

  it.each(['{ open { name secret } }', '{ closed { name } }'])('is never printed past the check: %s', async (query) => {
    const { data, errors } = await execute({ schema: planner.schema, document: planner.plan(parse(query)), contextValue: {} })
    expect(errors?.[0]?.message ?? JSON.stringify(data)).toContain('Not authorized')
    expect(JSON.stringify(data)).not.toContain('"b"')
  })
})

describe('the documents that are kept', () => {
  const schema = buildSchema('type Query { a: Int b: Int c: Int }')

  /** Whether a document was parsed before, at a server that keeps texts of so many characters in all. */
  function serverThatKeeps(characters?: number): (text: string) => boolean {
    const getEnveloped = envelop({
      plugins: [
        useEngine({ parse, validate, execute, subscribe }),
        useSchema(schema),
        useDocuments(
          createClientErrors(() => undefined),
          characters,
        ) as never,
      ],
    })
    const seen = new Set<unknown>()
    return (text) => {
      const envelope = getEnveloped({ params: {} })
      const document = envelope.parse(text)
      expect(envelope.validate(envelope.schema, document)).toEqual([])
      const isKnown = seen.has(document)
      seen.add(document)
      return isKnown
    }
  }

  it('are bounded by their size, the last used kept longest', () => {
    const isKnown = serverThatKeeps(12)
    expect(['{ a }', '{ b }', '{ a }', '{ c }', '{ a }', '{ b }'].map(isKnown)).toEqual([false, false, true, false, true, false])
  })

  it('are never long', () => {
    const isKnown = serverThatKeeps()
    const long = `{ a } # ${'x'.repeat(40_000)}`
    expect([long, long].map(isKnown)).toEqual([false, false])
  })

  it('a page size in a variable is measured at every request', async () => {
    const query =
      'query ($first: Int) { executions(first: $first) { nodes { variables(first: $first) { nodes { id name value type } } } } }'
    expect((await server.ask(query, '{"first": 2}')).errors).toEqual([])
    expect((await server.ask(query, '{"first": 250}')).errors[0]?.message).toContain('cost')
    expect((await server.ask(query, '{"first": 2}')).errors).toEqual([])
  })
})
