import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { type InProcessServer, startInProcess } from './server.js'
import { connect, type TestSocket } from './socket.js'

const MATCHED = `subscription ($id: ID!, $after: Revision, $edge: Edge, $where: [VariableFilter!]!) {
  variableMatched(executionId: $id, afterRevision: $after, edge: $edge, where: $where) { executionId revision } }`
const WHERE = [{ name: { eq: 'n' }, value: { eq: 1 } }, { name: { eq: 'ready' } }]

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(async () => {
  await server?.close()
})

const set = (id: string, name: string, value: number) =>
  server.ask(`mutation { upsertVariable(input: { executionId: "${id}", name: "${name}", value: ${value} }) { revision } }`)

async function revisions(client: TestSocket, count: number): Promise<unknown[]> {
  const found: unknown[] = []
  while (found.length < count) {
    const { payload } = (await client.nextOf('matched')) as { payload: { data: { variableMatched: JsonObject } } }
    found.push(payload.data.variableMatched['revision'])
  }
  return found
}

it('tells of each revision at which all filters find a variable, or at which they begin to', async () => {
  const subscribe = async (variables: object) => {
    const client = await connect(server.url)
    client.send({ id: 'matched', type: 'subscribe', payload: { query: MATCHED, variables } })
    return client
  }
  await set('801', 'ready', 1)
  await set('801', 'n', 1)
  await set('801', 'other', 1)
  await set('801', 'n', 2)
  await set('801', 'n', 1)
  const rising = await subscribe({ id: '801', after: 0, where: WHERE })
  const level = await subscribe({ id: '801', after: 0, edge: 'LEVEL', where: WHERE })
  const now = await subscribe({ id: '801', where: WHERE })
  expect(await revisions(rising, 2)).toEqual([2, 5])
  expect(await revisions(level, 3)).toEqual([2, 3, 5])
  expect(await revisions(now, 1)).toEqual([5])
  await set('801', 'n', 3)
  await set('801', 'n', 1)
  expect(await revisions(rising, 1)).toEqual([7])
  expect(await revisions(now, 1)).toEqual([7])
})
