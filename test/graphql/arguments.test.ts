import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { codesOf, type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
let ended: string
beforeAll(async () => {
  server = await startInProcess()
  const source =
    'apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: one, path: one}\nworkflow: [{step: start, vars: {x: 1}}]'
  await server.ask('mutation ($source: String!) { registerPlaybook(source: $source) { id } }', JSON.stringify({ source }))
  const started = await server.ask('mutation { startExecution(input: { path: "one" }) { id } }')
  expect(started.errors).toEqual([])
  ended = String((started.data?.['startExecution'] as JsonObject | undefined)?.['id'])
  await server.ask('mutation { upsertVariable(input: { executionId: "7", name: "a", value: 1 }) { changed } }')
})
afterAll(async () => {
  await server?.close()
})

/** Texts that PostgreSQL cannot hold. As variables: a document with half a surrogate pair does not even parse. */
const UNSTORABLE = ['{"s": "a\\u0000b"}', '{"s": "a\\ud800b"}']

async function expectRefused(query: string, variables?: string): Promise<void> {
  expect(codesOf(await server.ask(query, variables))).toEqual(['VALIDATION'])
  // Nothing from outside may fail only in SQL.
  expect(server.log()).not.toContain('"level":"error"')
}

it.each([
  'mutation ($s: String!) { upsertVariable(input: { executionId: "7", name: $s, value: 1 }) { changed } }',
  'mutation ($s: String!) { upsertVariable(input: { executionId: "7", name: "a", value: 1, sourceStep: $s }) { changed } }',
  'mutation ($s: String!) { incrementVariable(input: { executionId: "7", name: $s }) { changed } }',
  'mutation ($s: String!) { deleteVariable(input: { executionId: "7", name: $s }) { deleted } }',
  'query ($s: String!) { variable(executionId: "7", name: $s) { version } }',
  'query ($s: String!) { variableHistory(executionId: "7", name: $s) { totalCount } }',
  'query ($s: JSON) { searchVariables(filter: { value: { eq: { k: $s } } }) { totalCount } }',
  'mutation ($s: String!) { startExecution(input: { path: "one", idempotencyKey: $s }) { id } }',
  'mutation ($s: JSON) { startExecution(input: { path: "one", workload: { k: $s } }) { id } }',
  'mutation ($s: String!) { claimTask(input: { pool: $s, workerId: "w" }) { id } }',
  'mutation ($s: String!) { claimTask(input: { workerId: $s }) { id } }',
])('refuses text that cannot be stored: %s', async (query) => {
  for (const variables of UNSTORABLE) await expectRefused(query, variables)
})

it.each([
  'mutation { startExecution(input: { path: "one", idempotencyKey: "" }) { id } }',
  `mutation { startExecution(input: { path: "one", idempotencyKey: "${'k'.repeat(256)}" }) { id } }`,
  'mutation { startExecution(input: { path: "one", version: -1 }) { id } }',
  '{ playbook(path: "one", version: -1) { id } }',
  '{ executions(after: "") { totalCount } }',
  '{ playbooks(after: "") { totalCount } }',
  '{ variables(executionId: "7", after: "") { totalCount } }',
  '{ execution(id: "7") { steps(after: "") { totalCount } } }',
  '{ executions(filter: { startedAfter: "2026-02-30T00:00:00Z" }) { totalCount } }',
  '{ executions(filter: { startedAfter: "2026-01-01" }) { totalCount } }',
  'mutation { rerunExecution(id: "ENDED", variables: [{ name: "z", value: 1 }, { name: "z", value: 2 }]) { id } }',
  'mutation { rerunExecution(id: "ENDED", variables: [{ name: "z" }]) { id } }',
  'mutation { rerunExecution(id: "ENDED", variables: [{ name: "z", value: 1, expectedVersion: 3 }]) { id } }',
])('refuses %s', (query) => expectRefused(query.replace('ENDED', ended)))

it('takes what only looks like those', async () => {
  const dates = await server.ask('{ executions(filter: { startedAfter: "2024-02-29T23:59:60.5+02:00" }) { totalCount } }')
  expect(codesOf(dates)).toEqual(['VALIDATION'])
  const leap = await server.ask('{ executions(filter: { startedAfter: "2024-02-29T23:59:59.5+02:00" }) { totalCount } }')
  expect(leap.errors).toEqual([])
  const cancel = 'mutation ($s: String!) { cancelExecution(id: "7", reason: $s) { status } }'
  const reason = await server.ask(cancel, UNSTORABLE[0])
  expect(reason.data).toEqual({ cancelExecution: { status: 'CANCELLED' } })
})
