import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../../src/core/cursor.js'
import { codesOf, type InProcessServer, startInProcess } from './server.js'

const KEY = Buffer.alloc(32, 7).toString('base64')
const SOURCE = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: n, path: test/node}
workflow: [{step: start}]
`

interface Shown {
  readonly id: string
  readonly name: string
  readonly value: unknown
}

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ENCRYPTION_KEYS: `test:${KEY}` })
})
afterAll(() => server?.close())

async function set(executionId: string, name: string, value: unknown, rest: object = {}): Promise<void> {
  const input = JSON.stringify({ input: { executionId, name, value, ...rest } })
  await server.ask('mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }', input)
}

async function list(executionId: string, asOf: number | null = null): Promise<readonly Shown[]> {
  const query = `query ($asOf: Revision) { variables(executionId: "${executionId}", asOf: $asOf) { nodes { id name value } } }`
  const answer = await server.ask(query, JSON.stringify({ asOf }))
  return (answer.data as unknown as { variables: { nodes: readonly Shown[] } }).variables.nodes
}

async function node(id: string): Promise<unknown> {
  const answer = await server.ask(
    'query ($id: ID!) { node(id: $id) { __typename id ... on Variable { name value revision } ... on Playbook { path version } } }',
    JSON.stringify({ id }),
  )
  expect(answer.errors).toEqual([])
  return answer.data?.['node']
}

describe('ids of variables', () => {
  it('a client that keeps things by id never takes the past for the present', async () => {
    await set('301', 'v', 'old')
    await set('301', 'other', 1)
    await set('301', 'v', 'new')
    const cache = new Map<string, unknown>()
    const keep = (shown: readonly Shown[]) => {
      for (const { id, value } of shown) cache.set(id, value)
      return shown.map(({ id }) => id)
    }
    const present = keep(await list('301'))
    for (const asOf of [3, 2, 1]) keep(await list('301', asOf))
    expect(present.map((id) => cache.get(id))).toEqual(['new', 1])
    // Through an execution, and in edges, as well.
    const nested = await server.ask(
      '{ execution(id: "301") { variables(asOf: 1) { edges { node { id } } } } variable(executionId: "301", name: "v") { id } }',
    )
    expect(nested.data).toEqual({
      execution: { variables: { edges: [{ node: { id: encodeCursor(['Variable', '301', 'v', '1']) } }] } },
      variable: { id: encodeCursor(['Variable', '301', 'v']) },
    })
  })

  it('what was read with asOf is found by its id as it was then', async () => {
    await set('302', 'v', 'old')
    await set('302', 'w', 1)
    await set('302', 'v', 'new')
    const [past] = await list('302', 2)
    expect(await node(past?.id ?? '')).toEqual({ __typename: 'Variable', id: past?.id, name: 'v', value: 'old', revision: 1 })
    const [present] = await list('302')
    expect(await node(present?.id ?? '')).toEqual({
      __typename: 'Variable',
      id: present?.id,
      name: 'v',
      value: 'new',
      revision: 3,
    })
    await server.ask('mutation { deleteVariable(input: {executionId: "302", name: "v"}) { deleted } }')
    expect(await node(present?.id ?? '')).toBeNull()
    expect(await node(past?.id ?? '')).toMatchObject({ value: 'old' })
  })

  it('a revealed value does not come to stand where everybody sees the mask', async () => {
    await set('303', 's', 'secret', { sensitive: true })
    const [listed] = await list('303')
    const revealed = await server.ask('mutation { revealVariable(executionId: "303", name: "s") { id value } }')
    const shown = revealed.data?.['revealVariable'] as { id: string; value: string }
    expect(shown.value).toBe('secret')
    expect(shown.id).not.toBe(listed?.id)
    expect(await node(shown.id)).toBeNull()
    expect(await node(listed?.id ?? '')).toMatchObject({ value: '********' })
  })
})

describe('ids that are none of ours', () => {
  const foreign: [string, string][] = [
    ['nothing', ''],
    ['text', 'no such thing'],
    ['another product’s id', 'gid://shop/Order/5'],
    ['zero', '0'],
    ['a leading zero', '0304'],
    ['more than 64 bits', '9223372036854775808'],
    ['a very long number', '9'.repeat(10_000)],
    ['an execution that is not there', '399'],
    ['another type', encodeCursor(['Task', '304', 'v'])],
    ['a type of the schema that is not a node', encodeCursor(['VariableChange', '304', 'v'])],
    ['an execution in the form of others', encodeCursor(['Execution', '304', ''])],
    ['a variable that is not there', encodeCursor(['Variable', '304', 'w'])],
    ['a name that nothing can have', encodeCursor(['Variable', '304', 'a b'])],
    ['a NUL', encodeCursor(['Variable', '304', 'v\0'])],
    ['half a surrogate pair', encodeCursor(['Variable', '304', '\ud800'])],
    ['no execution', encodeCursor(['Variable', 'x', 'v'])],
    ['a revision that is not there', encodeCursor(['Variable', '304', 'v', '7'])],
    ['a revision that is none', encodeCursor(['Variable', '304', 'v', 'x'])],
    ['a negative revision', encodeCursor(['Variable', '304', 'v', '-1'])],
    ['a revision in other words', encodeCursor(['Variable', '304', 'v', '1.0'])],
    ['a part too many', encodeCursor(['Variable', '304', 'v', '1', '2'])],
    ['a part too few', encodeCursor(['Variable', '304'])],
    ['a playbook’s version in other words', encodeCursor(['Playbook', 'test/node', '1.0'])],
    ['a playbook’s version that is none', encodeCursor(['Playbook', 'test/node', 'x'])],
    ['a negative version', encodeCursor(['Playbook', 'test/node', '-1'])],
    ['a version beyond any', encodeCursor(['Playbook', 'test/node', '99999999999'])],
    ['a list of numbers', Buffer.from('[1,2,3]').toString('base64url')],
    ['an object', Buffer.from('{"a":1}').toString('base64url')],
    ['an id with rubbish in it', `${encodeCursor(['Variable', '304', 'v'])}!!`],
  ]

  it.each(foreign)('%s is null', async (_title, id) => {
    await set('304', 'v', 1)
    await server.ask(
      'mutation ($source: String!) { registerPlaybook(source: $source) { id } }',
      JSON.stringify({ source: SOURCE }),
    )
    expect(await node(id)).toBeNull()
  })

  it('those of ours are found', async () => {
    await set('304', 'v', 1)
    expect(await node(encodeCursor(['Variable', '304', 'v']))).toMatchObject({ value: 1 })
    expect(await node(encodeCursor(['Playbook', 'test/node', '1']))).toMatchObject({ path: 'test/node', version: 1 })
    expect(await node('304')).toEqual({ __typename: 'Execution', id: '304' })
    expect(codesOf(await server.ask('{ node(id: 304) { id } }'))).toEqual([])
  })
})
