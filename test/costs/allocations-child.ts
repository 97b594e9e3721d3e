import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { openTestDatabase } from '../support/database.js'
import { openPipeline } from '../support/pipeline.js'
import { OPERATIONS, type Operation } from './operations.js'

/**
 * Measures what an operation allocates on the heap of this process, whose young generation is so large that nothing is collected
 * meanwhile (see the test for its flags): then the heap grows by just that.
 */
const WARM_UP = 150
const ROUNDS = 3
const OPERATIONS_A_ROUND = 40

let lastCollectedAt = 0
new PerformanceObserver((list) => {
  lastCollectedAt = list.getEntries().at(-1)?.startTime ?? 0
}).observe({ entryTypes: ['gc'] })

const db = await openTestDatabase()
await db.run(`INSERT INTO transient.execution (id, status, revision, variable_count) VALUES (1, 'running', 1, 1000)`)
await db.run(
  `INSERT INTO noetl.transient (execution_id, var_name, var_value) SELECT 1, 'v' || n, to_jsonb(n) FROM generate_series(1, 1000) AS n`,
)
const ask = openPipeline(db)

async function bytesOf(operation: Operation): Promise<number> {
  const run = async (times: number): Promise<void> => {
    for (let index = 0; index < times; index += 1) await ask(OPERATIONS[operation], { id: '1', value: index })
  }
  await run(WARM_UP)
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    globalThis.gc?.()
    await turn()
    const began = performance.now()
    const before = process.memoryUsage().heapUsed
    await run(OPERATIONS_A_ROUND)
    const after = process.memoryUsage().heapUsed
    await turn()
    if (lastCollectedAt > began)
      throw new Error(`the heap was collected while ${operation} was measured: enlarge the young generation`)
    rounds.push((after - before) / OPERATIONS_A_ROUND)
  }
  return Math.round(Math.min(...rounds))
}

const found: Record<string, number> = {}
for (const operation of Object.keys(OPERATIONS) as Operation[]) found[operation] = await bytesOf(operation)
console.info(JSON.stringify(found))
await db.close()
