import { afterAll, beforeAll, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { within } from '../support/pace.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ HISTORY_LIMIT: '10' })
})
afterAll(async () => {
  await server?.close()
})

it('HISTORY_LIMIT holds within seconds, and says which revision is the oldest', async () => {
  for (let value = 0; value < 30; value += 1) {
    await server.ask(`mutation { upsertVariable(input: { executionId: "5", name: "n", value: ${value} }) { revision } }`)
  }
  const past = '{ variables(executionId: "5", asOf: 3) { nodes { value } } }'
  const refusal = async () => (await server.ask(past)).errors[0]?.extensions
  await expect.poll(refusal, { timeout: within(20_000) }).toMatchObject({ code: 'REVISION_GONE', oldestRevision: 20 })
  const oldest = await server.ask('{ variables(executionId: "5", asOf: 20) { nodes { value } } }')
  expect(oldest.data).toEqual({ variables: { nodes: [{ value: 19 }] } })
})
