import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCatalogService } from '../../../src/catalog/service.js'
import { createCommitQueue } from '../../../src/commit/queue.js'
import { systemClock } from '../../../src/core/clock.js'
import { createSnowflake } from '../../../src/core/ids.js'
import { beginExecution } from '../../../src/orchestrator/start/start.js'
import { NO_KEYS } from '../../../src/sealing/key-ring.js'
import { TOOLS } from '../../../src/tools/index.js'
import { describeDatabase } from '../../support/database.js'
import { type Engine, openEngine } from '../../support/engine.js'
import { playbook, python } from '../../support/source.js'

describeDatabase('child executions', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open())
    await engine.run(playbook('sleep', `\n- step: a\n  tool: ${python('import time; time.sleep(workload["s"])', 'workload')}`), {
      s: 0,
    })
  })
  afterAll(() => engine.close())

  async function childrenOf(id: string): Promise<string[]> {
    const rows = await engine.db.rows<{ id: bigint }>(
      'SELECT id FROM transient.execution WHERE parent_id = $1::bigint ORDER BY id',
      id,
    )
    return rows.map((row) => String(row.id))
  }

  test('a timeout of the step fails it, and cancels the child', async () => {
    const { execution } = await engine.run(
      playbook('impatient', '\n- step: a\n  timeout: 0.3\n  tool: {kind: playbook, path: test/sleep, args: {s: 30}}'),
    )
    expect(execution.error).toMatchObject({ code: 'TIMEOUT', step: 'a' })
    for (const child of await childrenOf(execution.id)) expect((await engine.ended(child)).status).toBe('cancelled')
  })

  test('fail_fast cancels the children of the other iterations, also when the execution goes on', async () => {
    const execution = await engine.start(
      playbook(
        'fast',
        `
- step: a
  loop: {in: [30, nowhere, 30], iterator: s, mode: async, fail_fast: true}
  tool: {kind: playbook, path: "{{ 'test/nowhere' if s == 'nowhere' else 'test/sleep' }}", args: {s: "{{ s }}"}}
  next: [{when: "{{ error }}", step: b}]
- step: b
  pool: elsewhere
  tool: ${python('return 1')}`,
      ),
    )
    const task = await engine.orchestrator.claim({ pool: 'elsewhere', workerId: 'w', waitMs: 60_000 })
    for (const child of await childrenOf(execution.id)) expect((await engine.ended(child)).status).toBe('cancelled')
    expect(task?.executionId).toBe(execution.id)
    await engine.orchestrator.cancel(execution.id, 'the end of\u0000 the test', 'api:test')
  })

  test('a rerun of an execution that failed at its start renders the workload again', async () => {
    const { execution } = await engine.run(playbook('broken', '\n- step: a', { workload: '{x: "{{ nowhere }}"}' }))
    expect(execution.error?.code).toBe('TEMPLATE_UNDEFINED')
    const again = await engine.orchestrator.rerun({ id: execution.id, actor: 'api:test' })
    expect((await engine.ended(again.id)).error?.code).toBe('TEMPLATE_UNDEFINED')
  })

  test('a child that two start at the same moment begins once', async () => {
    const { db } = engine
    const catalog = createCatalogService({ db, tools: TOOLS, keyRing: NO_KEYS })
    const { path, version } = await catalog.register(playbook('begun_twice', '\n- step: a\n  pool: nobody'))
    const model = await catalog.model(path, version)
    const limits = { maxSize: 2 ** 20, maxTransactions: 1 }
    const commit = createCommitQueue({ db, keyRing: NO_KEYS, ...limits, afterCommit: () => undefined })
    const newId = createSnowflake({ machine: 1000 })
    for (let round = 0; round < 20; round += 1) {
      const id = newId()
      const beginning = { id, playbook: model, path, version, payload: {} }
      const begin = () => beginExecution({ db, clock: systemClock, env: {}, keyRing: NO_KEYS, commit }, beginning)
      const begun = await Promise.allSettled([begin(), begin()])
      expect(begun.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const rows = await db.rows<{ events: bigint; runs: bigint }>(
        `SELECT (SELECT count(*) FROM transient.event WHERE execution_id = $1::bigint) AS events,
           (SELECT count(*) FROM transient.step_run WHERE execution_id = $1::bigint) AS runs`,
        id,
      )
      expect(rows).toEqual([{ events: 1n, runs: 1n }])
    }
  })
})
