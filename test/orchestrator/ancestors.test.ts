import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findExecution } from '../../src/executions/store.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { ROOT } from '../support/paths.js'
import { playbook, python } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 23)
/** 10,000 with TEST_LONG=1. */
const CHILDREN = process.env['TEST_LONG'] ? 10_000 : 200

describeDatabase('parent and root', (open) => {
  let engine: Engine
  /** Another service on the same database. */
  let other: Engine
  beforeAll(async () => {
    const db = await open()
    engine = await openEngine(db, { keyRing: keyRingOf('one'), processId: '1' })
    other = await openEngine(db, { keyRing: keyRingOf('one'), bus: engine.bus, processId: '2' })
  })
  afterAll(async () => {
    await other.close()
    await engine.close()
  })

  const register = (source: string) => engine.run(source)
  const CHILD = playbook(
    'counting_child',
    `
- step: work
  tool: ${python('return n * 2', 'n')}
  args: {n: "{{ workload.n | default(1) }}"}
  vars: {mine: "{{ result }}"}
  parent:
    increment: {done: 1, sum: "{{ result }}"}
    append: {seen: {n: "{{ workload.n }}"}}
    set: {last: "{{ vars.mine }}"}`,
  )
  const each = (name: string, accept: string, more = '') =>
    playbook(
      name,
      `
- step: each
  type: iterator
  collection: "{{ range(workload.count) }}"
  element: n
  mode: async
  concurrency: 16
  task: {tool: playbook, path: test/counting_child, args: {n: "{{ n }}"}, accept: ${accept}}${more}`,
    )

  test(`${CHILDREN} children count into their parent, exactly`, async () => {
    await register(
      playbook('adding_child', '\n- step: work\n  parent: {increment: {done: 1, sum: "{{ workload.n }}"}}', {
        workload: '{n: 0}',
      }),
    )
    const source = each('adding', '[done, sum]').replace('counting_child', 'adding_child')
    const { id } = await engine.start(source, { count: CHILDREN })
    await expect
      .poll(async () => (await findExecution(engine.db, id))?.status, { timeout: 900_000, interval: 200 })
      .toBe('completed')
    expect(await engine.variables.values(id)).toMatchObject({ done: CHILDREN, sum: (CHILDREN * (CHILDREN - 1)) / 2 })
    // Each is a revision of the parent's, with the child in its event.
    const rows = await engine.db.rows<{ actor: string; children: bigint; events: bigint }>(
      `SELECT data ->> 'actor' AS actor, count(DISTINCT data ->> 'child') AS children, count(*) AS events FROM transient.event
       WHERE execution_id = $1::bigint AND name = 'variables.changed' AND data ? 'child' GROUP BY 1`,
      id,
    )
    expect(rows).toEqual([{ actor: 'step:work', children: BigInt(CHILDREN), events: BigInt(CHILDREN) }])
  }, 900_000)

  test('appends to a list that is missing, and sets', async () => {
    await register(CHILD)
    const { vars } = await engine.run(each('counting', '[done, sum, seen, last]'), { count: 20 })
    expect(vars).toMatchObject({ done: 20, sum: 380 })
    const seen = vars['seen'] as { n: number }[]
    expect(seen.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index))
    expect(vars['last']).toBe((seen.at(-1)?.n ?? -1) * 2)
  })

  test('a name that is not accepted fails the child, and nothing of its step is written', async () => {
    await register(CHILD)
    const { execution, steps, vars } = await engine.run(
      each('refusing', '[done, sum]', `\n  next: [{when: "{{ this.stats.failed > 0 }}", then: [end]}]`),
      { count: 1 },
    )
    expect(execution.status).toBe('completed')
    expect(Object.keys(vars).filter((name) => !name.startsWith('each_'))).toEqual([])
    expect(execution.error).toBeNull()
    expect(steps.map(({ step, status }) => `${step} ${status}`)).toEqual(['each succeeded'])
    const [child] = await engine.db.rows<{ error: string; revision: bigint }>(
      `SELECT error::text AS error, revision FROM transient.execution WHERE parent_id = $1::bigint`,
      execution.id,
    )
    expect(JSON.parse(child?.error ?? 'null')).toMatchObject({
      code: 'VALIDATION',
      message: `"last" is not accepted by step "each" of execution ${execution.id}: list it in the step's "accept"`,
    })
    expect(child?.revision).toBe(0n)
  })

  test('the example of docs/playbooks.md runs', async () => {
    const page = readFileSync(join(ROOT, 'docs/playbooks.md'), 'utf8')
    const section = page.slice(page.indexOf('\n## Children that report'), page.indexOf('\n## Schemas'))
    const [parent = '', child = ''] = [...section.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1])
    await register(child)
    const { execution, vars } = await engine.run(parent)
    expect(execution.status).toBe('completed')
    expect(vars).toMatchObject({ done: 2, progress: 1 })
  })

  test('without a parent they are left out', async () => {
    const { execution, vars } = await engine.run(CHILD, { n: 4 })
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ mine: 8 })
  })

  test('root is the execution at which all began, by what its own step accepts; computed variables and waits of it follow at once', async () => {
    await register(
      playbook(
        'leaf',
        `
- step: tell
  vars: {told: true}
  parent: {increment: {leaves: 1}}
  root: {increment: {total: "{{ workload.by }}"}}`,
        { workload: '{by: 0}' },
      ),
    )
    await register(
      playbook(
        'middle',
        `
- step: down
  tool: playbook
  path: test/leaf
  args: {by: "{{ workload.by }}"}
  accept: [leaves]
  root: {append: {middles: "{{ workload.by }}"}}
  vars: {leaves_seen: "{{ vars.leaves }}"}`,
        { workload: '{by: 0}' },
      ),
    )
    const { execution, vars } = await engine.run(
      playbook(
        'top',
        `
- step: start
  vars: {total: 0}
  next: [each, watch]
- step: each
  type: iterator
  collection: [1, 2, 3]
  element: by
  mode: async
  task: {tool: playbook, path: test/middle, args: {by: "{{ by }}"}, accept: [total, middles]}
- step: watch
  wait: {until: "{{ vars.double == 12 }}", timeout: 60}
  vars: {seen: "{{ vars.total }}"}`,
        { more: 'computed: {double: "{{ vars.total * 2 }}"}' },
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toMatchObject({ total: 6, double: 12, seen: 6 })
    expect((vars['middles'] as number[]).sort()).toEqual([1, 2, 3])
    expect(vars).not.toHaveProperty('leaves')
    const children = await engine.db.rows<{ id: bigint }>(
      'SELECT id FROM transient.execution WHERE parent_id = $1::bigint',
      execution.id,
    )
    for (const { id } of children) expect(await engine.variables.values(String(id))).toEqual({ leaves: 1, leaves_seen: 1 })
  })

  test('what the parent refuses fails the child: its schema, a computed variable, an increment of a text', async () => {
    const refused = async (head: string, operation: string, workload = {}) => {
      await register(playbook('teller', `\n- step: tell\n  parent: ${operation}`))
      const { execution } = await engine.run(
        playbook('strict', '\n- step: down\n  tool: playbook\n  path: test/teller\n  accept: [a, b]', { more: head }),
        workload,
      )
      return execution.error
    }
    expect(await refused('schema: {vars: {a: {type: integer, maximum: 1}}}', '{set: {a: 2}}')).toMatchObject({
      message: expect.stringMatching(/SCHEMA variable "a"/),
    })
    expect(await refused('computed: {a: "{{ execution_id }}"}', '{increment: {a: 2}}')).toMatchObject({
      message: expect.stringMatching(/COMPUTED_FAILED the computed variable "a"/),
    })
  })

  test('something sensitive stays so in the parent', async () => {
    await register(
      playbook('secretive', '\n- step: tell\n  parent: {set: {secret: "{{ workload.key }}"}}', {
        workload: '{key: hush}',
        more: 'sensitive: [workload.key]',
      }),
    )
    const { vars } = await engine.run(
      playbook('trusting', '\n- step: down\n  tool: playbook\n  path: test/secretive\n  accept: [secret]'),
    )
    expect(vars).toEqual({ secret: '********' })
  })

  test('children of two services, a parent that writes, and a space that both write: nobody waits in a circle', async () => {
    await register(
      playbook(
        'both',
        `
- step: work
  tool: ${python('return 1')}
  globals: {increment: {ancestors_test: 1}}
  parent: {increment: {done: 1}}`,
      ),
    )
    const source = playbook(
      'busy_parent',
      `
- step: start
  vars: {done: 0}
  next: [each, own]
- step: each
  type: iterator
  collection: "{{ range(60) }}"
  element: n
  mode: async
  concurrency: 16
  task: {tool: playbook, path: test/both, accept: [done]}
- step: own
  type: iterator
  collection: "{{ range(60) }}"
  element: n
  mode: async
  concurrency: 8
  task:
    tool: ${python('return 1')}
    globals: {increment: {ancestors_test: 1}}`,
    )
    const started = performance.now()
    const runs = await Promise.all([engine.run(source), other.run(source)])
    const failed = await engine.db.rows<{ error: string }>(
      `SELECT error::text AS error FROM transient.execution WHERE playbook_path = 'test/both' AND error IS NOT NULL`,
    )
    expect(failed).toEqual([])
    for (const { execution, vars } of runs) expect([execution.status, vars['done']]).toEqual(['completed', 60])
    expect(performance.now() - started).toBeLessThan(60_000)
  }, 120_000)

  test('exactly once, whatever statement the process dies at', async () => {
    const { db } = engine
    await register(CHILD)
    await engine.run(each('counting_crash', '[done, sum, seen, last]'), { count: 1 })
    const runDyingAt = async (diesAt: number) => {
      const request = { path: 'test/counting_crash', workload: { count: 3 }, idempotencyKey: `ancestors ${diesAt}` }
      const dying = dyingDatabase(db, diesAt)
      const first = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      if (first) {
        const acted = first.orchestrator.start(request).then(({ id }) => first.ended(id))
        await Promise.race([dying.died, acted.catch(() => null)])
      }
      const second = await openEngine(db, { leaseMs: 1000 })
      const { id } = await second.orchestrator.start(request)
      const { status } = await second.ended(id)
      const { done, sum } = await second.variables.values(id)
      await second.close()
      await first?.close().catch(() => undefined)
      return { seen: { status, done, sum }, statements: dying.statements() }
    }
    const { statements } = await runDyingAt(Number.MAX_SAFE_INTEGER)
    for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= statements; diesAt += STRIDE) {
      const { seen } = await runDyingAt(diesAt)
      expect({ diesAt, ...seen }).toEqual({ diesAt, status: 'completed', done: 3, sum: 6 })
    }
  }, 600_000)
})
