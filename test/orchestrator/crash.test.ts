import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCatalogService } from '../../src/catalog/service.js'
import { spaceIdOf } from '../../src/core/space.js'
import type { Database } from '../../src/db/database.js'
import { TOOLS, type Toolbox } from '../../src/tools/index.js'
import { createVariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine, testToolbox } from '../support/engine.js'
import { playbook, python } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 29)

/** The last statement of the dead may commit after the living one looked: then its lease must run out. */
const LEASE_MS = 1000

/** One of everything: before and after, fan-out, an iterator, a child, a retry, a cycle, a list of tools, a schema that is broken, computed variables, a space, an end. */
const SOURCE = playbook(
  'everything',
  `
- step: start
  vars: {before: {n: 0, visits: 0, begun: "{{ (vars.begun | default(0)) + 1 }}"}, after: {started: "{{ result }}"}}
  tool: ${python('return begun', 'begun')}
  next: [{step: each}, {step: call}, {step: flaky, args: {by: 10}}]
- step: each
  type: iterator
  collection: [1, 2, 3]
  element: item
  mode: async
  task: {tool: ${python('return item * 2', 'item')}, vars: {n: "{{ vars.n + result }}"}, globals: {increment: {iterations: 1}}}
  vars: {doubled: "{{ result }}"}
- step: call
  tool: {kind: playbook, path: test/small, args: {x: 4}}
  vars: {child: "{{ result }}"}
  next: [{step: again}]
- step: flaky
  tool: {kind: python, args: {file: "{{ workload.file }}"}, code: "def main(file, by):\\n  import os\\n  if not os.path.exists(file): open(file, 'x').close(); raise ValueError()\\n  return by"}
  retry: {max_attempts: 2, initial_delay: 0}
  vars: {flaky: "{{ result }}"}
- step: again
  vars: {visits: "{{ vars.visits + 1 }}"}
  globals: {increment: {visits: 1}, append: {log: "{{ globals.visits | default(0) }}"}}
  next: [{when: "{{ vars.visits < 2 }}", step: again}, {else: [several]}]
- step: several
  tool:
  - {name: one, kind: python, code: "result = 1", vars: {listed: "{{ (vars.listed | default(0)) + result }}"}}
  - {name: back, rules: [{when: "{{ turn is not defined }}", do: jump, to: one, let: {turn: 2}}]}
  - {name: two, kind: python, args: {one: "{{ one }}"}, code: "result = one + 1"}
  vars: {listed_result: "{{ result }}"}
  next: [unfit]
- step: unfit
  tool: ${python('return 1')}
  vars: {bounded: "{{ result - 2 }}", never: 1}
  next: [{when: "{{ this.error.code == 'SCHEMA' }}", then: [fit]}]
- step: fit
  vars: {bounded: 3}`,
  {
    more: 'globals: crash\ncomputed: {sum: "{{ vars.n + vars.visits }}", twice: "{{ vars.sum * 2 }}"}\nschema: {workload: {properties: {size: {default: 1}}}, vars: {bounded: {minimum: 0}}, results: {flaky: {minimum: 10}}}',
  },
)
const SMALL = playbook(
  'small',
  `\n- step: one\n  vars: {y: "{{ workload.x + 1 }}"}\n  next: end\n- step: end\n  tool: ${python('return y', 'y')}`,
)

describeDatabase('a process that is killed at any statement', (open) => {
  let db: Database
  let toolbox: Toolbox
  let folder: string
  const engines: Engine[] = []
  beforeAll(async () => {
    db = await open()
    toolbox = testToolbox()
    folder = await mkdtemp(join(tmpdir(), 'transient-crash-'))
    const catalog = createCatalogService({ db, tools: TOOLS })
    for (const source of [SMALL, SOURCE]) await catalog.register(source)
  })
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()))
    await toolbox.close()
    await rm(folder, { recursive: true })
  })

  /** Runs the playbook in a process that dies at a statement, then in one that lives. */
  async function runDyingAt(diesAt: number): Promise<{ id: string; statements: number }> {
    const request = {
      path: 'test/everything',
      workload: { file: join(folder, String(diesAt)) },
      idempotencyKey: `crash ${diesAt}`,
    }
    const dying = dyingDatabase(db, diesAt)
    const first = await openEngine(dying.db, { toolbox, leaseMs: LEASE_MS }).catch(() => null)
    if (first) {
      engines.push(first)
      const started = await first.orchestrator.start(request).catch(() => null)
      const ended = started ? first.ended(started.id).catch(() => null) : null
      await Promise.race([dying.died, ended])
    }
    const second = await openEngine(db, { toolbox, leaseMs: LEASE_MS })
    const { id } = await second.orchestrator.start(request)
    await second.ended(id)
    await second.close()
    return { id, statements: dying.statements() }
  }

  /** What anyone can see of an execution, but for times, ids and attempts. */
  async function seenOf(id: string): Promise<object> {
    const text = async (sql: string) => (await db.rows<{ line: string }>(sql, id)).map(({ line }) => line)
    return {
      execution: await text(
        `SELECT concat_ws(' ', status, revision, run_seq, step_count, variable_count, error) AS line FROM transient.execution WHERE id = $1::bigint`,
      ),
      runs: await text(
        `SELECT concat_ws(' ', step, visit, iteration, status, result) AS line FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY 1`,
      ),
      ends: await text(
        `SELECT concat_ws(' ', name, step, data -> 'iteration', count(*)) AS line FROM transient.event
         WHERE execution_id = $1::bigint AND name NOT LIKE '%.started' AND name <> 'step.retried' GROUP BY name, step, data -> 'iteration' ORDER BY 1`,
      ),
      revisions: await text(
        `SELECT DISTINCT revision::text AS line FROM noetl.transient_history WHERE execution_id = $1::bigint ORDER BY 1`,
      ),
      openTasks: await text(
        `SELECT concat_ws(' ', run, attempt, status) AS line FROM transient.task WHERE execution_id = $1::bigint AND status <> 'done'`,
      ),
      eventGaps: await text(
        `SELECT e.id::text AS line FROM transient.execution e WHERE id = $1::bigint AND event_seq <>
         (SELECT count(*) FROM transient.event WHERE execution_id = e.id AND seq BETWEEN 1 AND e.event_seq)`,
      ),
      children: await text(
        `SELECT concat_ws(' ', playbook_path, status, revision) AS line FROM transient.execution WHERE parent_id = $1::bigint`,
      ),
    }
  }

  test('ends as if nothing had happened: no step lost, none done twice, revisions without gaps', async () => {
    const variables = createVariablesService({ db, bus: engines[0]?.bus ?? (await openedBus()) })
    const whole = await runDyingAt(Number.MAX_SAFE_INTEGER)
    const expected = await seenOf(whole.id)
    expect(expected).toMatchObject({ openTasks: [], eventGaps: [], children: ['test/small completed 1'] })
    const values = {
      n: 12,
      begun: 1,
      visits: 2,
      started: 1,
      child: 5,
      flaky: 10,
      listed: 2,
      listed_result: 2,
      doubled: [2, 4, 6],
      sum: 14,
      twice: 28,
    }
    expect(await variables.values(whole.id)).toMatchObject(values)
    // Each visit saw what the one before had written.
    const ofSpace = (count: number) => ({
      iterations: 3 * count,
      visits: 2 * count,
      log: Array.from({ length: 2 * count }, (_, n) => n),
    })
    let runs = 1
    expect(await variables.values(spaceIdOf('crash'))).toEqual(ofSpace(runs))
    const offset = 1 + (process.pid % STRIDE)
    for (let diesAt = offset; diesAt <= whole.statements; diesAt += STRIDE) {
      const { id } = await runDyingAt(diesAt)
      expect({ diesAt, ...(await seenOf(id)) }).toEqual({ diesAt, ...expected })
      expect(await variables.values(id)).toMatchObject(values)
      runs += 1
      expect({ diesAt, ...(await variables.values(spaceIdOf('crash'))) }).toEqual({ diesAt, ...ofSpace(runs) })
    }
  }, 300_000)

  async function openedBus() {
    const engine = await openEngine(db, { toolbox })
    engines.push(engine)
    await engine.orchestrator.drain()
    return engine.bus
  }
})
