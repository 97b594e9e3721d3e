import { expect, test, vi } from 'vitest'
import type { TaskRef } from '../../../src/bus/bus.js'
import { createMemoryBus } from '../../../src/bus/index.js'
import { createRelay } from '../../../src/orchestrator/relay/relay.js'
import { formatTaskId, type TaskKey } from '../../../src/tasks/record.js'
import { describeDatabase, type TestDatabase } from '../../support/database.js'
import { within } from '../../support/pace.js'

vi.setConfig({ testTimeout: 60_000 })

type Overrides = Partial<Parameters<typeof createRelay>[0]>

describeDatabase('the relay', (open) => {
  function relayOn(db: TestDatabase, overrides: Overrides = {}) {
    const ensured: TaskRef[] = []
    const warned: string[] = []
    const note = (_fields: object, message: string) => void warned.push(message)
    const bus = { ...createMemoryBus(), ensure: async (task: TaskRef) => void ensured.push(task) }
    const nothing = async () => undefined
    const relay = createRelay({
      ...{ db, bus, leaseMs: 30_000, limits: { stepLimit: 10, stepTimeoutMs: 1000, childDepth: 1, maxDeliveries: 3 } },
      logger: { info: note, warn: note, error: note },
      ...{
        resume: nothing,
        expire: nothing,
        giveUp: nothing,
        expireExecution: async () => undefined,
        cancelOrphan: nothing,
        ...overrides,
      },
    })
    return { relay, ensured, warned }
  }

  /** Tasks as they lie there after a start: due, and offered to nobody. */
  async function insertTasks(db: TestDatabase, executionId: string, count: number, more = "'open', NULL, NULL") {
    await db.run(`INSERT INTO transient.execution (id, status) VALUES ($1::bigint, 'running')`, executionId)
    await db.run(
      `INSERT INTO transient.task (execution_id, run, attempt, pool, kind, not_before, status, deadline, child_id)
       SELECT $1::bigint, run, 1, 'default', 'python', now() - interval '1 hour' + $1::bigint * interval '10 minutes' + run * interval '1 millisecond', ${more}
       FROM generate_series(1, $2::integer) AS run`,
      executionId,
      count,
    )
  }

  test('offers tasks in turns by execution: one that has thousands due keeps no other waiting', async () => {
    const db = await open()
    await insertTasks(db, '1', 10_000)
    await insertTasks(db, '2', 3)
    await insertTasks(db, '3', 1)
    const { relay, ensured } = relayOn(db)
    await relay.runOnce()
    expect(ensured).toHaveLength(1000)
    expect(
      ensured
        .filter(({ executionId }) => executionId !== '1')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['2-1-1', '2-2-1', '2-3-1', '3-1-1'])
  })

  test('goes on with every other task when one fails, and with the next page when a whole one does', async () => {
    const db = await open()
    await insertTasks(db, '1', 1001, "'waiting', now() - interval '1 second', 2")
    const tried = new Set<string>()
    const fails = async (key: TaskKey) => {
      tried.add(formatTaskId(key))
      throw new Error('always')
    }
    const resumed: string[] = []
    const resume = async (key: TaskKey) => {
      if (key.run === 1) throw new Error('always')
      resumed.push(formatTaskId(key))
    }
    const { relay } = relayOn(db, { expire: fails, resume })
    await relay.runOnce()
    expect([tried.size, resumed.length]).toEqual([1000, 999])
    await relay.runOnce()
    expect([tried.size, resumed.length]).toEqual([1001, 1000])
    await relay.runOnce()
    expect(resumed.length, 'then it begins anew').toBe(1999)
  })

  test('does each of its duties at its own pace: retention that takes long keeps no task waiting', async () => {
    const db = await open()
    await insertTasks(db, '1', 1)
    let end: () => void = () => undefined
    const endless = new Promise<void>((resolve) => {
      end = resolve
    })
    const began = vi.fn(() => endless)
    const expired = vi.fn(async () => undefined)
    const { relay, ensured } = relayOn(db, { retention: { runOnce: began }, expire: expired })
    relay.start()
    await vi.waitFor(() => expect(began).toHaveBeenCalled(), { timeout: within(30_000) })
    await insertTasks(db, '2', 1)
    await insertTasks(db, '3', 1, "'waiting', now() - interval '1 second', NULL")
    await vi.waitFor(() => expect(ensured.map(({ id }) => id)).toEqual(['1-1-1', '2-1-1']), { timeout: within(30_000) })
    await vi.waitFor(() => expect(expired).toHaveBeenCalled(), { timeout: within(30_000) })
    end()
    await relay.stop()
  })
})
