import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

const UPSERT = `mutation ($input: UpsertVariableInput!) {
  upsertVariable(input: $input) { changed revision variable { name value version accessCount type } }
}`
const LONG = '507861119290048685507861119290048685.10'

describe('values', () => {
  it('keep every digit from a variable of the request to every answer', async () => {
    const written = await server.ask(
      UPSERT,
      `{"input": {"executionId": 101, "name": "n", "value": {"long": ${LONG}, "one": 1.0}}}`,
    )
    expect(written.text).toContain(`"long":${LONG}`)
    expect(written.text).toContain('"one":1.0')
    const read = await server.ask('{ variable(executionId: 101, name: "n") { value accessCount } }')
    expect(read.text).toContain(`"long":${LONG}`)
    expect(read.data).toMatchObject({ variable: { accessCount: 1 } })
    const history = await server.ask(
      '{ variableHistory(executionId: "101") { nodes { value previousValue operation } totalCount } }',
    )
    expect(history.text).toContain(`"long":${LONG}`)
  })

  it('keep every digit written in the document, also beside variables inside it', async () => {
    const query = `mutation ($x: JSON) { upsertVariable(input: {
      executionId: "102", name: "n", value: { a: [${LONG}, null, true, "t"], b: $x } }) { variable { value } } }`
    const written = await server.ask(query, `{"x": ${LONG}}`)
    expect(written.errors).toEqual([])
    expect(written.text).toContain(`{"a":[${LONG},null,true,"t"],"b":${LONG}}`)
  })

  it('an increment is exact beyond what a number holds', async () => {
    await server.ask(UPSERT, `{"input": {"executionId": "103", "name": "n", "value": 507861119290048685}}`)
    const query =
      'mutation ($by: Float) { incrementVariable(input: { executionId: "103", name: "n", by: $by }) { variable { value } } }'
    expect((await server.ask(query, '{"by": 0.10000000000000000001}')).text).toContain('507861119290048685.10000000000000000001')
    expect((await server.ask(query.replace('$by }', '1000000000000000000001 }').replace('($by: Float)', ''))).text).toContain(
      '1000507861119290048686.10000000000000000001',
    )
  })

  it('null is a value, a missing one is VALIDATION', async () => {
    expect((await server.ask(UPSERT, '{"input": {"executionId": "104", "name": "n", "value": null}}')).errors).toEqual([])
    const missing = await server.ask(UPSERT, '{"input": {"executionId": "104", "name": "n"}}')
    expect(codesOf(missing)).toEqual(['VALIDATION'])
    expect(missing.errors[0]?.extensions).toMatchObject({ field: 'input.value' })
  })

  it('types are SCREAMING_CASE outside', async () => {
    const written = await server.ask(UPSERT, '{"input": {"executionId": "105", "name": "n", "value": 1, "type": "STEP_RESULT"}}')
    expect(written.data).toMatchObject({ upsertVariable: { changed: true, revision: 1, variable: { type: 'STEP_RESULT' } } })
    const again = await server.ask(UPSERT, '{"input": {"executionId": "105", "name": "n", "value": 1, "type": "STEP_RESULT"}}')
    expect(again.data).toMatchObject({ upsertVariable: { changed: false, revision: 1 } })
  })
})

describe('lists', () => {
  it('page with cursors, and tell the revision to watch from', async () => {
    const variables = Array.from({ length: 5 }, (_, index) => ({ name: `v${index}`, value: index }))
    const input = JSON.stringify({ input: { executionId: '110', variables } })
    await server.ask('mutation ($input: UpsertVariablesInput!) { upsertVariables(input: $input) { revision } }', input)
    const query = `query ($after: String) { variables(executionId: "110", first: 3, after: $after) {
      revision totalCount nodes { name } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }`
    const first = await server.ask(query)
    expect(first.data).toMatchObject({ variables: { revision: 1, totalCount: 5, pageInfo: { hasNextPage: true } } })
    const page = first.data?.['variables'] as { pageInfo: { endCursor: string } }
    const second = await server.ask(query, JSON.stringify({ after: page.pageInfo.endCursor }))
    expect(second.data).toMatchObject({
      variables: { nodes: [{ name: 'v3' }, { name: 'v4' }], pageInfo: { hasNextPage: false } },
    })
  })

  it.each([
    ['{ variables(executionId: "110", first: 251) { totalCount } }'],
    ['{ variables(executionId: "110", first: -1) { totalCount } }'],
    ['{ variables(executionId: "110", asOf: -1) { totalCount } }'],
    ['{ variables(executionId: "0") { totalCount } }'],
    ['{ variables(executionId: "9223372036854775808") { totalCount } }'],
    ['{ execution(id: "seven") { id } }'],
    ['mutation { deleteVariable(input: { executionId: "110", name: "v1", expectedVersion: -1 }) { deleted } }'],
  ])('%s is VALIDATION', async (query) => {
    expect(codesOf(await server.ask(query))).toEqual(['VALIDATION'])
  })

  it('a node is found by its id, and not counted as a read', async () => {
    await server.ask(UPSERT, '{"input": {"executionId": "111", "name": "n", "value": 1}}')
    const listed = await server.ask('{ variables(executionId: "111") { nodes { id } } }')
    const { nodes } = (listed.data as { variables: { nodes: { id: string }[] } } | null)?.variables ?? { nodes: [] }
    const found = await server.ask(`{ node(id: "${nodes[0]?.id}") { id ... on Variable { name accessCount } } }`)
    expect(found.data).toEqual({ node: { id: nodes[0]?.id, name: 'n', accessCount: 0 } })
    expect((await server.ask('{ node(id: "111") { __typename id } }')).data).toEqual({
      node: { __typename: 'Execution', id: '111' },
    })
  })
})

describe('GraphQL over HTTP', () => {
  it.each([
    ['no JSON', 'nope', {}, 400, 'BAD_REQUEST'],
    ['a batch', '[{"query": "{ __typename }"}]', {}, 400, 'BAD_REQUEST'],
    ['an unknown key', '{"query": "{ __typename }", "doc": 1}', {}, 400, 'BAD_REQUEST'],
    ['variables that are no object', '{"query": "{ __typename }", "variables": 5}', {}, 400, 'BAD_REQUEST'],
    ['a form', 'query=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['plain GraphQL', '{ __typename }', { 'content-type': 'application/graphql' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['multipart', 'x', { 'content-type': 'multipart/form-data; boundary=x' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['an unparsable document', '{"query": "{"}', {}, 200, 'BAD_REQUEST'],
    ['an unparsable document', '{"query": "{"}', { accept: 'application/graphql-response+json' }, 400, 'BAD_REQUEST'],
    ['an unknown field', '{"query": "{ nothing }"}', {}, 200, 'BAD_REQUEST'],
    [
      'a subscription without events',
      '{"query": "subscription { executionsChanged { id } }"}',
      { accept: 'application/json' },
      406,
      'BAD_REQUEST',
    ],
    ['a missing variable', '{"query": "query ($id: ID!) { execution(id: $id) { id } }"}', {}, 400, 'BAD_REQUEST'],
    ['too many tokens', `{"query": "{ ${'__typename '.repeat(1000)} }"}`, {}, 200, 'BAD_REQUEST'],
  ])('%s is refused with a code', async (_title, body, headers, status, code) => {
    for (const way of ['post', 'postChunked'] as const) {
      const answer = await server[way](body, headers as Record<string, string>)
      expect(answer.status).toBe(status)
      expect(codesOf(answer)).toEqual([code])
    }
  })

  it('a body is UTF-8, not compressed, and may begin with a byte order mark', async () => {
    const send = async (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
      const response = await fetch(`${server.url}/graphql`, init)
      return { status: response.status, text: await response.text() }
    }
    const body = Buffer.from('{"query":"{__typename}","variables":{"x":"é"}}')
    expect(await send(Buffer.concat([Buffer.from('\ufeff'), body]))).toMatchObject({ status: 200 })
    const latin = await send(Buffer.from(body.toString(), 'latin1'))
    expect(latin).toMatchObject({ status: 400, text: expect.stringContaining('BAD_REQUEST') })
    const compressed = await send(body, { 'content-encoding': 'gzip' })
    expect(compressed).toMatchObject({ status: 415, text: expect.stringContaining('UNSUPPORTED_MEDIA_TYPE') })
    expect(await send(body, { 'content-encoding': 'identity' })).toMatchObject({ status: 200 })
  })

  it('a body over 1 MiB is TOO_LARGE, declared or not', async () => {
    const body = JSON.stringify({ query: `{ __typename } # ${'x'.repeat(1024 * 1024)}` })
    const answer = await server.post(body)
    expect(answer.status).toBe(413)
    expect(codesOf(answer)).toEqual(['TOO_LARGE'])
    // In chunks, as a program sends what it does not know the length of.
    const chunked = await server.postChunked(body)
    expect(chunked.status).toBe(413)
    expect(codesOf(chunked)).toEqual(['TOO_LARGE'])
    expect((await server.postChunked('{"query": "{ __typename }"}')).text).toBe('{"data":{"__typename":"Query"}}')
  })

  it('GET asks queries, every digit kept, and nothing else', async () => {
    const get = async (query: string, variables = '{}') => {
      const given = new URLSearchParams({ query, variables })
      const answer = await fetch(`${server.url}/graphql?${given}`)
      return { status: answer.status, text: await answer.text(), allow: answer.headers.get('allow') }
    }
    await server.ask(UPSERT, `{"input": {"executionId": "120", "name": "n", "value": ${LONG}}}`)
    const read = await get('query ($id: ID!) { variable(executionId: $id, name: "n") { value } }', '{"id": 120}')
    expect(read).toMatchObject({ status: 200, text: `{"data":{"variable":{"value":${LONG}}}}` })
    const write = await get(UPSERT, '{"input": {"executionId": "120", "name": "n", "value": 1}}')
    expect(write).toMatchObject({ status: 405, text: expect.stringContaining('BAD_REQUEST') })
    expect((await get('query ($id: ID!) { variable(executionId: $id, name: "n") { value } }', '{"id": 120}')).text).toBe(
      read.text,
    )
    expect(await get('{ me { name } }', '[1]')).toMatchObject({ status: 400, text: expect.stringContaining('variables') })
    expect(await get('')).toMatchObject({ status: 400, text: expect.stringContaining('query') })
    expect(await get('{ nothing }')).toMatchObject({ status: 200, text: expect.stringContaining('nothing') })
  })

  it('nothing allows another origin', async () => {
    const preflight = await fetch(`${server.url}/graphql`, {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(405)
    for (const name of preflight.headers.keys()) expect(name).not.toContain('access-control')
    expect(
      (await fetch(`${server.url}/graphql?query={__typename}`, { headers: { origin: 'https://evil.example' } })).status,
    ).toBe(403)
  })

  it('a stored document is not known here, which its client hears in its own words', async () => {
    const answer = await server.post('{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}')
    expect(answer.errors).toMatchObject([{ message: 'PersistedQueryNotSupported' }])
    expect(codesOf(answer)).toEqual(['PERSISTED_QUERY_NOT_SUPPORTED'])
    expect(answer.status).toBe(200)
  })

  it('a browser gets GraphiQL, whole', async () => {
    const answer = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } })
    const html = await answer.text()
    expect(html).toContain('<title>Transient</title>')
    expect(html).not.toMatch(/<script[^>]+src=/)
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })
})
