import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { ROOT } from '../support/paths.js'
import { playbook, python } from '../support/source.js'

/** A python tool whose arguments are names of the moment. */
function given(body: string, ...names: string[]): string {
  const args = names.map((name) => `${name}: "{{ ${name} }}"`).join(', ')
  return `${python(body, names.join(', ')).slice(0, -1)}, args: {${args}}}`
}

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 13)

describeDatabase('let', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open(), { keyRing: keyRingOf('one') })
  })
  afterAll(async () => {
    await engine.close()
  })

  async function localsOf(id: string): Promise<Record<string, JsonObject | null>> {
    const rows = await engine.db.rows<{ key: string; locals: string | null }>(
      `SELECT concat_ws('/', step, iteration) AS key, locals::text AS locals FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY run`,
      id,
    )
    return Object.fromEntries(rows.map(({ key, locals }) => [key, JSON.parse(locals ?? 'null')]))
  }

  test('gives names to the tool, to vars and to next, top to bottom, and writes no variable', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'let',
        `
- step: a
  let:
    base: "{{ workload.base | default(10) }}"
    url: "https://example.org/{{ base + 1 }}"
  tool:
    kind: python
    code: |
      def main(url, base):
          return [url, base]
    args: {url: "{{ url }}", base: "{{ base }}"}
  vars: {seen: "{{ url }} {{ result[1] }}"}
  next: [{when: "{{ base == 10 }}", then: [b]}, {else: [c]}]
- step: b
  vars: {after: "{{ base is defined }}"}
- step: c
  vars: {wrong: true}`,
      ),
    )
    expect(steps.map(({ step, result }) => [step, result])).toEqual([
      ['a', ['https://example.org/11', 10]],
      ['b', null],
    ])
    // A name of one visit is none of the next.
    expect(vars).toEqual({ seen: 'https://example.org/11 10', after: false })
    expect(execution.revision).toBe(2)
    expect(await localsOf(execution.id)).toEqual({ a: { base: 10, url: 'https://example.org/11' }, b: null })
  })

  test('is evaluated once an iteration, in both forms of a loop; the iterator has its own', async () => {
    const { execution, vars } = await engine.run(
      playbook(
        'let_each',
        `
- step: each
  type: iterator
  collection: [1, 2, 3]
  element: n
  let: {factor: 10}
  task:
    let: {product: "{{ n * factor }}"}
    tool: ${given('return product + 1', 'product')}
    vars: {"last": "{{ product }}"}
  next: [other]
- step: other
  loop: {in: "{{ [4, 5] }}", iterator: m}
  let: {double: "{{ m * 2 }}"}
  tool: ${given('return double', 'double')}
  vars: {all: "{{ result }}"}`,
      ),
    )
    expect(vars).toMatchObject({ last: 30, all: [8, 10] })
    expect(await localsOf(execution.id)).toEqual({
      ...{ each: { factor: 10 }, 'each/0': { product: 10 }, 'each/1': { product: 20 }, 'each/2': { product: 30 } },
      ...{ other: null, 'other/0': { double: 8 }, 'other/1': { double: 10 } },
    })
  })

  test('the example of docs/playbooks.md runs', async () => {
    const page = readFileSync(join(ROOT, 'docs/playbooks.md'), 'utf8')
    const [, source = ''] = /\n## let\n[\s\S]*?```yaml\n([\s\S]*?)```/.exec(page) ?? []
    const { vars } = await engine.run(source)
    expect(vars).toMatchObject({ last_price: 23.8, prices: ['11.9 EUR', '23.8 EUR'] })
  })

  test('is kept for later attempts, and read by retry.when', async () => {
    const { steps, execution } = await engine.run(
      playbook(
        'let_retry',
        `
- step: before
  vars: {count: 0}
  next: [a]
- step: a
  let: {moment: "{{ now() }}"}
  tool: ${given('raise ValueError(moment)', 'moment')}
  retry: {max_attempts: 3, initial_delay: 0.05, when: "{{ moment in this.error.message }}"}`,
      ),
    )
    expect(execution).toMatchObject({ status: 'failed' })
    const { a } = await localsOf(execution.id)
    expect(execution.error?.message).toContain(String(a?.['moment']))
    expect(steps.map(({ step, attempts }) => [step, attempts])).toEqual([
      ['before', 1],
      ['a', 3],
    ])
  })

  test('is there in a wait', async () => {
    const { vars } = await engine.run(
      playbook(
        'let_wait',
        `
- step: start
  next: [w, writer]
- step: w
  let: {limit: 2}
  wait: {until: "{{ vars.n is defined and vars.n >= limit }}", timeout: 20}
  vars: {seen: "{{ vars.n }} {{ limit }}"}
- step: writer
  tool: ${python('return 2')}
  vars: {n: "{{ result }}"}`,
      ),
    )
    expect(vars).toMatchObject({ seen: '2 2' })
  })

  test('of something sensitive makes the run sensitive: its values are masked at rest and not in templates', async () => {
    const { execution, steps, vars } = await engine.run(
      playbook(
        'let_secret',
        `
- step: a
  let: {token: "{{ workload.key }}-x"}
  tool: ${given('return len(token)', 'token')}
  vars: {length: "{{ result }}"}`,
        { more: 'sensitive: [workload.key]', workload: '{key: hush}' },
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ length: '********' })
    expect(steps[0]?.result).toBe('********')
    expect(await localsOf(execution.id)).toEqual({ a: { token: '********' } })
    const [row] = await engine.db.rows<{ sealed: string }>(
      'SELECT sealed FROM transient.step_run WHERE execution_id = $1::bigint',
      execution.id,
    )
    expect(row?.sealed).not.toContain('hush')
  })

  test('that fails fails the step, which is routed, and nothing of its vars is written', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'let_fails',
        `
- step: a
  let: {x: "{{ vars.missing.deep }}"}
  tool: {kind: python, code: "return 1"}
  vars: {before: {early: 1}, after: {late: "{{ x }}"}}
  next: [{when: "{{ this.error.code == 'TEMPLATE_UNDEFINED' }}", then: [b]}]
- step: b
  vars: {handled: true}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ handled: true })
    expect(steps.map(({ step, status }) => [step, status])).toEqual([
      ['a', 'failed'],
      ['b', 'succeeded'],
    ])
    expect(await localsOf(execution.id)).toEqual({ a: null, b: null })
  })

  test('has the same values after a crash at any statement', async () => {
    const source = playbook(
      'let_crash',
      `
- step: each
  type: iterator
  collection: [1, 2]
  element: n
  task:
    let: {moment: "{{ now() }}", name: "item {{ n }}"}
    tool: ${given('return [moment, name]', 'moment', 'name')}
    vars: {"told": "{{ moment }} {{ name }}"}`,
    )
    const { db } = engine
    await engine.run(source)
    const runDyingAt = async (diesAt: number) => {
      const request = { path: 'test/let_crash', workload: {}, idempotencyKey: `let ${diesAt}` }
      const dying = dyingDatabase(db, diesAt)
      const first = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      if (first) {
        const acted = first.orchestrator.start(request).then(({ id }) => first.ended(id))
        await Promise.race([dying.died, acted.catch(() => null)])
      }
      const second = await openEngine(db, { leaseMs: 1000 })
      const { id } = await second.orchestrator.start(request)
      await second.ended(id)
      await second.close()
      await first?.close().catch(() => undefined)
      return { id, statements: dying.statements() }
    }
    const { statements } = await runDyingAt(Number.MAX_SAFE_INTEGER)
    for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= statements; diesAt += STRIDE) {
      const { id } = await runDyingAt(diesAt)
      const rows = await db.rows<{ locals: string; result: string }>(
        `SELECT locals::text AS locals, result::text AS result FROM transient.step_run
         WHERE execution_id = $1::bigint AND iteration IS NOT NULL ORDER BY run`,
        id,
      )
      // What the tool was given, whichever process gave it, is what is kept.
      for (const { locals, result } of rows) {
        const { moment, name } = JSON.parse(locals)
        expect({ diesAt, given: JSON.parse(result) }).toEqual({ diesAt, given: [moment, name] })
      }
      expect(rows).toHaveLength(2)
    }
  }, 300_000)
})
