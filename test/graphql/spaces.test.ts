import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEnding, servicesFor } from '../../src/access/session.js'
import { type JsonObject, stringifyJson } from '../../src/core/json.js'
import { createPrincipal, type Right } from '../../src/core/principal.js'
import { spaceIdOf } from '../../src/core/space.js'
import { encryptionKeys } from '../support/keys.js'
import { within } from '../support/pace.js'
import { type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ENCRYPTION_KEYS: encryptionKeys('one') })
})
afterAll(() => server?.close())

async function ask(query: string, variables: JsonObject = {}): Promise<JsonObject> {
  const { data, errors } = await server.ask(query, stringifyJson(variables))
  if (data === null || errors.length > 0) throw new Error(stringifyJson(errors as never))
  return data
}

const set = (space: string, name: string, value: number | string, more = '') =>
  ask(
    `mutation ($space: String!, $name: String!, $value: JSON) {
    upsertVariable(input: {space: $space, name: $name, value: $value ${more}}) { revision changed variable { executionId version } } }`,
    {
      space,
      name,
      value,
    },
  )

describe('a space', () => {
  it('is made by its first write, and read, counted, listed and found by its name', async () => {
    const space = 'billing/prod'
    expect(await ask('{ space(name: "billing/prod") { id } }')).toEqual({ space: null })
    expect(await ask('{ variables(space: "billing/prod") { totalCount revision } }')).toEqual({
      variables: { totalCount: 0, revision: 0 },
    })
    expect(await set(space, 'a', 1)).toEqual({
      upsertVariable: { revision: 1, changed: true, variable: { executionId: spaceIdOf(space), version: 1 } },
    })
    await ask(
      `mutation { upsertVariables(input: {space: "billing/prod", variables: [{name: "a", value: 2}, {name: "b", value: [1]}]}) { revision } }`,
    )
    await ask(`mutation { incrementVariable(input: {space: "billing/prod", name: "n", by: 5}) { variable { value } } }`)
    await ask(`mutation { deleteVariable(input: {space: "billing/prod", name: "b"}) { deleted } }`)
    expect(await ask('{ variable(space: "billing/prod", name: "a") { value accessCount } }')).toEqual({
      variable: { value: 2, accessCount: 1 },
    })
    const {
      space: found,
      spaces,
      variableHistory,
    } = await ask(`{
      space(name: "billing/prod") { id name revision variableCount variables(first: 1) { nodes { name } totalCount revision } }
      spaces { nodes { name } totalCount }
      variableHistory(space: "billing/prod", name: "a") { nodes { revision previousValue } } }`)
    expect(found).toEqual({
      ...{ id: spaceIdOf(space), name: space, revision: 4, variableCount: 2 },
      variables: { nodes: [{ name: 'a' }], totalCount: 2, revision: 4 },
    })
    expect(spaces).toEqual({ nodes: [{ name: space }], totalCount: 1 })
    expect(variableHistory).toEqual({
      nodes: [
        { revision: 1, previousValue: null },
        { revision: 2, previousValue: 1 },
      ],
    })
    expect(await ask('{ variables(space: "billing/prod", asOf: 1) { nodes { name value } } }')).toEqual({
      variables: { nodes: [{ name: 'a', value: 1 }] },
    })
  })

  it('is a node, and so are its variables', async () => {
    await set('nodes', 'a', 1)
    const { variable } = (await ask('{ variable(space: "nodes", name: "a") { id } }')) as { variable: { id: string } }
    const read = 'query ($id: ID!) { node(id: $id) { __typename id ... on Variable { name value } ... on Space { name } } }'
    expect(await ask(read, { id: variable.id })).toEqual({ node: { __typename: 'Variable', ...variable, name: 'a', value: 1 } })
    const id = spaceIdOf('nodes')
    expect(await ask(read, { id })).toEqual({ node: { __typename: 'Space', id, name: 'nodes' } })
    expect(await ask(read, { id: spaceIdOf('never written') })).toEqual({ node: null })
  })

  it('pages spaces by their names', async () => {
    for (const name of ['page/b', 'page/a', 'page/c']) await set(name, 'a', 1)
    const names: string[] = []
    let after: string | null = null
    do {
      const { spaces } = (await ask(
        'query ($after: String) { spaces(first: 2, after: $after) { nodes { name } pageInfo { endCursor hasNextPage } } }',
        {
          after,
        },
      )) as { spaces: { nodes: { name: string }[]; pageInfo: { endCursor: string; hasNextPage: boolean } } }
      names.push(...spaces.nodes.map(({ name }) => name))
      after = spaces.pageInfo.hasNextPage ? spaces.pageInfo.endCursor : null
    } while (after !== null)
    expect(names.filter((name) => name.startsWith('page/'))).toEqual(['page/a', 'page/b', 'page/c'])
    expect(new Set(names).size).toBe(names.length)
  })

  it('is no execution to anybody: no list, count, node, feed, search or command knows it', async () => {
    await set('hidden', 'needle', 'haystack')
    const id = spaceIdOf('hidden')
    const { executions, searchVariables } = (await ask(`{ executions { nodes { id } totalCount }
      searchVariables(filter: {name: {eq: "needle"}}) { nodes { name } totalCount } }`)) as {
      executions: { nodes: { id: string }[]; totalCount: number }
      searchVariables: JsonObject
    }
    expect(executions).toEqual({ nodes: [], totalCount: 0 })
    expect(searchVariables).toEqual({ nodes: [], totalCount: 0 })
    const withVariable = '{ executions(filter: {variables: [{name: {eq: "needle"}}]}) { totalCount } }'
    expect(await ask(withVariable)).toEqual({ executions: { totalCount: 0 } })
    const abort = new AbortController()
    const feed = server.services.executions.watchFromNow(null, abort.signal)
    expect((await feed.next()).value).toBeNull()
    const news = feed.next()
    await set('hidden', 'needle', 'pin')
    const execution = '7001'
    await server.services.variables.write({
      executionId: execution,
      writes: [{ operation: 'increment', name: 'n', by: '1', sourceStep: null }],
      actor: 'api:test',
    })
    expect((await news).value).toMatchObject({ id: execution })
    abort.abort()
    for (const query of [
      `{ execution(id: "${id}") { id } }`,
      `{ variables(executionId: "${id}") { totalCount } }`,
      `{ searchVariables(filter: {executionId: "${id}"}) { totalCount } }`,
      `mutation { cancelExecution(id: "${id}") { id } }`,
      `mutation { rerunExecution(id: "${id}") { id } }`,
      `mutation { deleteVariables(executionId: "${id}") { deletedCount } }`,
      `mutation { upsertVariable(input: {executionId: "${id}", name: "a", value: 1}) { revision } }`,
    ])
      expect((await server.ask(query)).errors[0]?.extensions['code']).toBe('VALIDATION')
    for (const path of [`/api/vars/${id}`, `/api/executions/${id}`])
      expect((await fetch(`${server.url}${path}`)).status).toBe(422)
  })

  it.each([
    ['{ variables { totalCount } }', 'neither is given'],
    ['{ variables(executionId: "5", space: "a") { totalCount } }', 'both are given'],
    ['{ variables(space: "a//b") { totalCount } }', 'space'],
    ['{ variables(space: "") { totalCount } }', 'space'],
    ['mutation { upsertVariable(input: {name: "a", value: 1}) { revision } }', 'neither is given'],
    ['mutation { upsertVariable(input: {space: "../etc", name: "a", value: 1}) { revision } }', 'input.space'],
  ])('refuses %s', async (query, message) => {
    const { errors } = await server.ask(query)
    expect(errors[0]?.extensions['code']).toBe(message === 'neither is given' ? 'BAD_REQUEST' : 'VALIDATION')
    expect(errors[0]?.message).toContain(message)
  })

  it('has no computed variables: one of that type is what somebody wrote', async () => {
    await ask('mutation { upsertVariable(input: {space: "typed", name: "a", value: 1, type: COMPUTED}) { revision } }')
    const read = '{ variable(space: "typed", name: "a") { type expression dependsOn } }'
    expect(await ask(read)).toEqual({ variable: { type: 'COMPUTED', expression: null, dependsOn: null } })
  })

  it('is not made by a write that is refused', async () => {
    await expect(set('refused', 'a', 1, ', expectedVersion: 3')).rejects.toThrow('CONFLICT')
    expect(await ask('{ space(name: "refused") { id } }')).toEqual({ space: null })
  })

  it('forgets a variable with a ttl, within a second or two of its time', { timeout: within(30_000) }, async () => {
    await set('timed', 'a', 1, ', ttl: 1')
    const url = `${server.url}/api/globals/timed`
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(url, { method: 'POST', headers, body: '{"variables": {"b": 2}, "ttl": 1}' })).status).toBe(200)
    await expect
      .poll(async () => (await ask('{ variables(space: "timed") { totalCount } }'))['variables'])
      .toEqual({ totalCount: 0 })
    const { variableHistory } = await ask('{ variableHistory(space: "timed") { nodes { name operation actor } } }')
    expect((variableHistory as { nodes: JsonObject[] }).nodes.slice(2)).toContainEqual({
      name: 'a',
      operation: 'DELETE',
      actor: 'system',
    })
    expect((await fetch(url, { method: 'POST', headers, body: '{"variables": {"b": 2}, "ttl": 0}' })).status).toBe(422)
    const { errors } = await server.ask(
      'mutation { upsertVariable(input: {space: "timed", name: "a", value: 1, ttl: -1}) { revision } }',
    )
    expect(errors[0]?.extensions).toMatchObject({ code: 'VALIDATION', field: 'ttl' })
  })

  it('is what an execution’s playbook names in the playground, its sensitive values behind the mask', async () => {
    await set('tried', 'rate', 2)
    await set('tried', 'token', 'hidden', ', sensitive: true')
    const source =
      'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: tried}\nglobals: tried\nworkflow: [{step: start, vars: {a: 1}}]'
    const { path } = await server.services.catalog.register(source)
    const { id } = await server.services.orchestrator.start({ path })
    await expect.poll(async () => (await server.services.executions.get(id)).status).toBe('completed')
    const rendered = async (template: string) =>
      (await ask(
        'query ($id: ID!, $template: String!) { renderTemplate(template: $template, executionId: $id) { value error { code } } }',
        {
          id,
          template,
        },
      )) as JsonObject
    expect(await rendered('{{ globals.rate + vars.a }}')).toEqual({ renderTemplate: { value: 3, error: null } })
    expect(await rendered('{{ globals.token }}')).toEqual({ renderTemplate: { value: '********', error: null } })
    expect(await rendered('{{ rate }}')).toMatchObject({ renderTemplate: { error: { code: 'TEMPLATE_UNDEFINED' } } })
  })

  it('hides sensitive values, and reveals them to those who may', async () => {
    await set('secret', 'token', 'hidden', ', sensitive: true')
    expect(await ask('{ variable(space: "secret", name: "token") { value isSensitive } }')).toEqual({
      variable: { value: '********', isSensitive: true },
    })
    expect(await ask('mutation { revealVariable(space: "secret", name: "token") { value } }')).toEqual({
      revealVariable: { value: 'hidden' },
    })
    const { audit } = (await ask('{ audit(filter: {action: "global.revealed"}) { nodes { subject executionId } } }')) as {
      audit: JsonObject
    }
    expect(audit).toEqual({ nodes: [{ subject: 'secret token', executionId: null }] })
  })

  it('is audited by its name', async () => {
    await set('audited', 'a', 1)
    await ask('mutation { deleteVariables(space: "audited") { deletedCount } }')
    const { audit } = (await ask('{ audit { nodes { action subject } } }')) as {
      audit: { nodes: { action: string; subject: string }[] }
    }
    expect(audit.nodes).toContainEqual({ action: 'globals.written', subject: 'audited' })
    expect(audit.nodes).toContainEqual({ action: 'globals.deleted', subject: 'audited' })
  })

  it('needs rights of its own, which those of executions do not include', async () => {
    const boundTo = (rights: readonly Right[]) =>
      servicesFor(server.services, {
        principal: createPrincipal({ name: 'k', actor: 'api:k', role: 'viewer', rights }),
        ending: createEnding(),
        note: () => undefined,
      })
    const ofExecutions = boundTo(['read_variables', 'read', 'write'])
    const ofSpaces = boundTo(['read_globals', 'write_globals'])
    const write = {
      space: 'rights',
      writes: [{ operation: 'increment', name: 'n', by: '1', sourceStep: null }],
      actor: '',
    } as const
    expect(() => ofExecutions.globals.all('rights')).toThrow('read_globals')
    expect(() => ofExecutions.globals.write(write)).toThrow('write_globals')
    expect(() => ofSpaces.variables.all('5')).toThrow('read_variables')
    expect(await ofSpaces.globals.write(write)).toMatchObject({ revision: 1 })
    expect(await ofSpaces.globals.find('rights', 'n')).toMatchObject({ value: 1 })
  })
})
