import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import type { ClaimedTask } from '../../../src/orchestrator/orchestrator.js'
import type { Toolbox } from '../../../src/tools/index.js'
import { describeDatabase, type TestDatabase } from '../../support/database.js'
import { type Engine, openEngine, testToolbox } from '../../support/engine.js'
import { playbook } from '../../support/source.js'

// An attempt ends within five seconds of its timeout; a busy machine gets more before the test gives up.
vi.setConfig({ testTimeout: 60_000 })

let pools = 0

describeDatabase('a timeout', (open) => {
  const source = (more: string) => {
    pools += 1
    return {
      pool: `slow${pools}`,
      text: playbook(
        `timeout${pools}`,
        `- step: start\n  pool: slow${pools}\n  ${more}\n  tool: {kind: python, code: "result = 1"}`,
      ),
    }
  }
  const ticket = (task: ClaimedTask) => ({ taskId: task.id, attempt: task.attempt, token: task.token })

  async function claim(engine: Engine, pool: string): Promise<ClaimedTask> {
    for (;;) {
      // Of a worker that lost a lease a claim may be answered early with nothing.
      const task = await engine.orchestrator.claim({ pool, workerId: 'hung', waitMs: 20_000 })
      if (task) return task
    }
  }

  /** Heartbeats, and nothing else, until they are refused. */
  async function beatUntilRefused(engine: Engine, task: ClaimedTask): Promise<number> {
    const began = performance.now()
    for (;;) {
      await sleep(100)
      try {
        await engine.orchestrator.heartbeat(ticket(task))
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFLICT' })
        return performance.now() - began
      }
    }
  }

  test('ends an attempt whose worker does nothing but send heartbeats, and a later report is CONFLICT', async () => {
    const engine = await openEngine(await open())
    const { text, pool } = source('timeout: 0.5')
    const { id } = await engine.start(text)
    const task = await claim(engine, pool)
    expect(await beatUntilRefused(engine, task)).toBeGreaterThan(500)
    const ended = await engine.ended(id)
    expect(ended.error).toMatchObject({ code: 'TIMEOUT', step: 'start', attempt: 1 })
    expect(ended.error?.message).toContain('0.5 s')
    const report = { ...ticket(task), result: 'late' }
    await expect(engine.orchestrator.complete(report)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(engine.orchestrator.release(ticket(task))).rejects.toMatchObject({ code: 'CONFLICT' })
    await engine.close()
  })

  test('is retried like any failure, with a new attempt', async () => {
    const engine = await openEngine(await open())
    const { text, pool } = source('timeout: 0.3\n  retry: {max_attempts: 2, initial_delay: 0.05}')
    const { id } = await engine.start(text)
    const first = await claim(engine, pool)
    const second = await claim(engine, pool)
    expect([first.attempt, second.attempt]).toEqual([1, 2])
    await expect(engine.orchestrator.heartbeat(ticket(first))).rejects.toMatchObject({ code: 'CONFLICT' })
    await engine.orchestrator.complete({ ...ticket(second), result: 'better' })
    expect((await engine.ended(id)).status).toBe('completed')
    await engine.close()
  })

  test('begins anew with each delivery: a worker that was lost before it is no timeout', async () => {
    const db = await open()
    const engine = await openEngine(db, { leaseMs: 200, claimPollMs: 50 })
    const { text, pool } = source('timeout: 1')
    const { id } = await engine.start(text)
    await claim(engine, pool)
    const again = await claim(engine, pool)
    expect(again.attempt).toBe(1)
    await engine.orchestrator.complete({ ...ticket(again), result: 1 })
    expect((await engine.ended(id)).status).toBe('completed')
    await engine.close()
  })

  test('that passes while no server runs ends the attempt at the next start, a lease that goes on notwithstanding', async () => {
    const db = await open()
    const { text, pool } = source('timeout: 0.2')
    const first = await openEngine(db)
    const { id } = await first.start(text)
    const task = await claim(first, pool)
    await first.close()
    await sleep(300)
    const second = await openEngine(db)
    expect((await second.ended(id)).error).toMatchObject({ code: 'TIMEOUT' })
    await expect(second.orchestrator.complete({ ...ticket(task), result: 1 })).rejects.toMatchObject({ code: 'CONFLICT' })
    await second.close()
  })

  test('ends an attempt of the server itself, whose tool does not stop, and frees nobody else', async () => {
    const db = await open()
    const engine = await openEngine(db, { toolbox: deafToolbox() })
    const { execution } = await engine.run(
      playbook('deaf', '- step: start\n  timeout: 0.2\n  tool: {kind: python, code: "result = 1"}'),
    )
    expect(execution.error).toMatchObject({ code: 'TIMEOUT' })
    await engine.close()
  })

  test('is kept by another process than the one whose worker hangs', async () => {
    const db: TestDatabase = await open()
    const hung = await openEngine(db, { toolbox: deafToolbox(), processId: 'hung' })
    const { id } = await hung.start(playbook('away', '- step: start\n  timeout: 0.2\n  tool: {kind: python, code: "result = 1"}'))
    while ((await db.rows('SELECT 1 FROM transient.task WHERE execution_id = $1::bigint AND token IS NOT NULL', id)).length === 0)
      await sleep(20)
    const other = await openEngine(db, { processId: 'other' })
    expect((await other.ended(id)).error).toMatchObject({ code: 'TIMEOUT' })
    await Promise.all([hung.close(), other.close()])
  })
})

/** Tools that heed neither their timeout nor a signal, as a process that is frozen; they end when the engine does. */
function deafToolbox(): Toolbox {
  const toolbox = testToolbox()
  return { ...toolbox, run: () => sleep(8000, { status: 'success', data: 'late' }) }
}
