import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import type { Toolbox } from '../../src/tools/index.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine, testToolbox } from '../support/engine.js'
import { playbook } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 5)
const LEASE_MS = 1000

/** Waits that open, hold at once, are fulfilled by a write, end others, time out, and belong to iterations. */
const SOURCE = playbook(
  'waiting',
  `
- step: start
  next: [one, short, each]
- step: one
  wait: {until: "{{ vars.go == 1 }}"}
  vars: {one: "{{ result.matched_revision }}"}
  next: [two]
- step: two
  wait: {until: "{{ vars.one is defined }}"}
  vars: {two: 1}
- step: short
  wait: {until: "{{ vars.never }}", timeout: 0.05}
  next: [{when: "{{ this.error.code == 'TIMEOUT' }}", then: [late]}]
- step: late
  vars: {late: 1}
- step: each
  type: iterator
  collection: [1, 2]
  element: item
  mode: async
  task: {wait: {until: "{{ vars.go == 1 and vars.two == 1 }}"}}`,
)

describeDatabase('a process that waits and is killed at any statement', (open) => {
  let db: Database
  let toolbox: Toolbox
  const engines: Engine[] = []
  beforeAll(async () => {
    db = await open()
    toolbox = testToolbox()
  })
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()))
    await toolbox.close()
  })

  async function waitsOf(id: string): Promise<number> {
    const [row] = await db.rows<{ open: number }>('SELECT open_waits AS open FROM transient.execution WHERE id = $1::bigint', id)
    return row?.open ?? 0
  }

  const write = (engine: Engine, id: string) =>
    engine.variables.write({
      executionId: id,
      writes: [{ operation: 'set', name: 'go', value: 1, type: 'user_defined', sourceStep: null }],
      actor: 'api:test',
    })

  /** Opens, lets time out, writes, in a process that dies at a statement; then all that is left in one that lives. */
  async function runDyingAt(diesAt: number, isCancelled: boolean): Promise<{ id: string; statements: number }> {
    const request = { path: 'test/waiting', workload: {}, idempotencyKey: `waiting ${diesAt} ${isCancelled}` }
    const dying = dyingDatabase(db, diesAt)
    const act = async (engine: Engine) => {
      const { id } = await engine.orchestrator.start(request)
      const until = performance.now() + 1500
      while ((await waitsOf(id)) !== 3 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
      if (isCancelled) await engine.orchestrator.cancel(id, null, 'api:test').catch(ignoreFinished)
      else await write(engine, id).catch(ignoreFinished)
      return id
    }
    const first = await openEngine(dying.db, { toolbox, leaseMs: LEASE_MS }).catch(() => null)
    if (first) {
      engines.push(first)
      const acted = act(first)
        .then((id) => first.ended(id))
        .catch(() => null)
      await Promise.race([dying.died, acted])
    }
    const second = await openEngine(db, { toolbox, leaseMs: LEASE_MS })
    const id = await act(second)
    await second.ended(id)
    await second.close()
    return { id, statements: dying.statements() }
  }

  function ignoreFinished(error: unknown): void {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EXECUTION_FINISHED') throw error
  }

  async function seenOf(id: string): Promise<object> {
    const text = async (sql: string) => (await db.rows<{ line: string }>(sql, id)).map(({ line }) => line)
    return {
      execution: await text(
        `SELECT concat_ws(' ', status, run_seq, error) AS line FROM transient.execution WHERE id = $1::bigint`,
      ),
      runs: await text(
        `SELECT concat_ws(' ', step, iteration, status) AS line FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY 1`,
      ),
      ends: await text(
        `SELECT concat_ws(' ', name, step, data -> 'iteration', count(*)) AS line FROM transient.event
         WHERE execution_id = $1::bigint AND name NOT LIKE '%.started' AND name <> 'variables.changed'
         GROUP BY name, step, data -> 'iteration' ORDER BY 1`,
      ),
      open: await text(
        `SELECT concat_ws(' ', run, status) AS line FROM transient.task WHERE execution_id = $1::bigint AND status IN ('open', 'waiting')`,
      ),
      values: await text(
        `SELECT concat_ws(' ', var_name, var_value) AS line FROM noetl.transient WHERE execution_id = $1::bigint ORDER BY 1`,
      ),
    }
  }

  test.each([
    ['is matched once, times out once, and ends', false],
    ['is closed by a cancellation', true],
  ])(
    '%s',
    async (_name, isCancelled) => {
      const engine = await openEngine(db, { toolbox })
      await engine.close()
      await (await import('../../src/catalog/service.js'))
        .createCatalogService({ db, tools: (await import('../../src/tools/index.js')).TOOLS })
        .register(SOURCE)
      const whole = await runDyingAt(Number.MAX_SAFE_INTEGER, isCancelled)
      const expected = await seenOf(whole.id)
      expect(expected).toMatchObject({ open: [] })
      for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= whole.statements; diesAt += STRIDE) {
        const { id } = await runDyingAt(diesAt, isCancelled)
        expect({ diesAt, ...(await seenOf(id)) }).toEqual({ diesAt, ...expected })
      }
    },
    300_000,
  )
})
