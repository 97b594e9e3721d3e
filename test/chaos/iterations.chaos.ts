import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorker } from '../../src/sdk/index.js'
import { playbook } from '../support/source.js'
import { checkAll } from './checkers.js'
import { type Fleet, startFleet, WORKER_POOL } from './fleet.js'
import { readExecutions, untilEnded } from './record.js'

const ITERATIONS = 10_000
const WORKERS = 16
const WITHIN_MS = 180_000

let fleet: Fleet | null
beforeAll(async () => {
  fleet = await startFleet({ servers: 2, env: { STEP_LIMIT: String(2 * ITERATIONS), LEASE_SECONDS: '5' } })
})
afterAll(async () => {
  await fleet?.close()
})

/** Each iteration adds one to the same variable. */
const SOURCE = playbook(
  'iterations',
  `
- step: start
  vars: {count: 0}
  next: all
- step: all
  type: iterator
  collection: "{{ range(${ITERATIONS}) }}"
  element: item
  mode: async
  concurrency: ${4 * WORKERS}
  pool: ${WORKER_POOL}
  task:
    tool: {kind: python, code: "result = item"}
    vars: {count: "{{ vars.count + 1 }}"}`,
)

it(`${ITERATIONS} async iterations over ${WORKERS} workers count to exactly ${ITERATIONS}`, {
  timeout: WITHIN_MS,
}, async (context) => {
  if (fleet === null) return context.skip()
  const { client, url, databaseUrl } = fleet
  // The protocol of docs/protocol.md, and a tool that costs nothing: what is measured is the engine.
  const workers = Array.from({ length: WORKERS }, () =>
    createWorker({ url, pool: WORKER_POOL, concurrency: 2, run: () => ({ status: 'success', data: 1 }) }),
  )
  const began = performance.now()
  const id = await client.startExecution(await client.register(SOURCE))
  await untilEnded(databaseUrl, [id], WITHIN_MS)
  const seconds = (performance.now() - began) / 1000
  await Promise.all(workers.map((worker) => worker.drain()))
  console.info(`${ITERATIONS} iterations in ${seconds.toFixed(1)} s: ${Math.round(ITERATIONS / seconds)} each second`)
  const [log] = await readExecutions(databaseUrl, [id])
  const values = { count: ITERATIONS, all_count: ITERATIONS, all_total: ITERATIONS, all_index: null, all_item: null }
  // Once at the start, all_count and all_total before the first iteration, then both counts in each, and the total.
  const assignments = 2 * ITERATIONS + 3
  const expected = { values, assignments, unordered: [], loose: ['all_index', 'all_item'], effects: [] }
  const executions = log ? [{ ...log, expected }] : []
  expect(checkAll({ faults: [], effects: [], executions })).toEqual([])
  const counts = log?.changes.filter(({ name }) => name === 'count').map(({ value }) => value)
  expect(counts).toEqual(Array.from({ length: ITERATIONS + 1 }, (_, index) => index))
})
