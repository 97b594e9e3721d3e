import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { playbook, python } from '../support/source.js'

/** How often writers race the opening of a wait; 1,000 with TEST_LONG=1. */
const RACES = process.env['TEST_LONG'] ? 1000 : 60

describeDatabase('a step that waits', (open) => {
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

  const set = (id: string, values: JsonObject, { isSensitive = false, by = engine } = {}) =>
    by.variables.write({
      executionId: id,
      writes: Object.entries(values).map(([name, value]) => ({
        ...({ operation: 'set', name, value, type: 'user_defined', sourceStep: null } as const),
        ...(isSensitive ? { isSensitive } : {}),
      })),
      actor: 'api:test',
    })

  const statusOf = async (id: string, step = 'w') => {
    const [row] = await engine.db.rows<{ status: string }>(
      'SELECT status FROM transient.step_run WHERE execution_id = $1::bigint AND step = $2 ORDER BY run LIMIT 1',
      id,
      step,
    )
    return row?.status
  }
  const waits = (id: string, step = 'w') => expect.poll(() => statusOf(id, step), { timeout: within(10_000) }).toBe('waiting')

  async function eventsOf(id: string): Promise<{ name: string; revision: number; data: JsonObject | null }[]> {
    const rows = await engine.db.rows<{ name: string; revision: bigint; data: string | null }>(
      'SELECT name, revision, data::text AS data FROM transient.event WHERE execution_id = $1::bigint ORDER BY seq',
      id,
    )
    return rows.map((row) => ({ name: row.name, revision: Number(row.revision), data: JSON.parse(row.data ?? 'null') }))
  }
  const matchesOf = async (id: string) => (await eventsOf(id)).filter(({ name }) => name === 'step.matched')

  async function resultOf(id: string, step = 'w'): Promise<JsonValue> {
    const [row] = await engine.db.rows<{ result: string | null }>(
      'SELECT result::text AS result FROM transient.step_run WHERE execution_id = $1::bigint AND step = $2 AND iteration IS NULL',
      id,
      step,
    )
    return JSON.parse(row?.result ?? 'null')
  }

  const until = (condition: string, more = '', wait = '') =>
    playbook('wait', `\n- step: w\n  wait: {until: "{{ ${condition} }}"${wait}}\n  ${more}`)

  test('ends in the transaction of the write that fulfils its condition', async () => {
    const { id } = await engine.start(until('vars.go == 3', 'vars: {seen: "{{ result.matched_revision }}"}'))
    await waits(id)
    await set(id, { go: 1 })
    expect(await statusOf(id)).toBe('waiting')
    const { revision } = await set(id, { go: 3 })
    expect(revision).toBe(2)
    // No relay, bus or worker had a part in it: it is over when the writer is answered.
    expect(await statusOf(id)).toBe('succeeded')
    const execution = await engine.ended(id)
    expect(execution).toMatchObject({ status: 'completed', revision: 3, openWaits: 0 })
    expect(await resultOf(id)).toEqual({ matched_revision: 2, waited_seconds: expect.any(Number) })
    expect(await engine.variables.values(id)).toEqual({ go: 3, seen: 2 })
    expect((await eventsOf(id)).map(({ name }) => name)).toEqual([
      ...['execution.started', 'step.started', 'step.waiting', 'variables.changed', 'variables.changed'],
      ...['step.matched', 'step.completed', 'execution.completed'],
    ])
  })

  test('does not wait where its condition holds when it opens', async () => {
    const { execution } = await engine.run(
      playbook('held', '\n- step: a\n  vars: {go: 1}\n  next: [w]\n- step: w\n  wait: {until: "{{ vars.go == 1 }}"}'),
    )
    expect(execution.status).toBe('completed')
    expect(await resultOf(execution.id)).toEqual({ matched_revision: 1, waited_seconds: 0 })
    expect((await eventsOf(execution.id)).map(({ name }) => name)).not.toContain('step.waiting')
  })

  test('matches a condition that held for one revision only, also where several revisions share a transaction', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { id } = await engine.start(
        playbook(
          'brief',
          '\n- step: start\n  next: [w, x]\n- step: w\n  wait: {until: "{{ vars.go == 1 }}"}\n- step: x\n  wait: {for: 60}',
        ),
      )
      await waits(id)
      await waits(id, 'x')
      // The queue takes what comes in one turn together.
      await Promise.all([set(id, { go: 1 }), set(id, { go: 0 }), set(id, { go: 2 })])
      const rows = await engine.db.rows<{ transactions: bigint; last: string }>(
        `SELECT count(DISTINCT xmin::text) AS transactions, max(value::text) AS last FROM noetl.transient_history WHERE execution_id = $1::bigint`,
        id,
      )
      expect(rows).toEqual([{ transactions: 1n, last: '2' }])
      expect((await matchesOf(id)).map(({ data }) => data?.['matched_revision'])).toEqual([1])
      expect(await statusOf(id)).toBe('succeeded')
    }
  })

  test('sees revisions of steps in one transaction, one by one', async () => {
    const { id } = await engine.start(
      playbook(
        'flash',
        `
- step: start
  next: [w, go]
- step: w
  wait: {until: "{{ vars.flag }}"}
- step: go
  wait: {until: "{{ vars.begin is defined }}"}
  next: [on]
- step: on
  vars: {flag: true}
  next: [off]
- step: off
  vars: {flag: false}`,
      ),
    )
    await waits(id)
    await waits(id, 'go')
    await set(id, { begin: 1 })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await resultOf(id)).toMatchObject({ matched_revision: 2 })
    expect(await engine.variables.values(id)).toEqual({ begin: 1, flag: false })
  })

  test('is ended by its deadline: a condition fails with TIMEOUT, a time succeeds', async () => {
    const source = playbook(
      'times',
      `
- step: start
  next: [w, for, at, now]
- step: w
  wait: {until: "{{ vars.never is defined }}", timeout: 0.2}
  next: [{when: "{{ this.error.code == 'TIMEOUT' }}", then: [late]}]
- step: late
  vars: {late: true}
- step: for
  wait: {for: "{{ workload.seconds }}"}
- step: at
  wait: {at: "{{ workload.at }}"}
- step: now
  wait: {for: 0}`,
    )
    const at = Date.now() + 500
    const { execution, vars } = await engine.run(source, { seconds: 0.3, at: new Date(at).toISOString() })
    expect(execution).toMatchObject({ status: 'completed', openWaits: 0 })
    expect(vars).toEqual({ late: true })
    expect(await resultOf(execution.id, 'for')).toEqual({ matched_revision: null, waited_seconds: expect.any(Number) })
    expect(await resultOf(execution.id, 'at')).toMatchObject({ matched_revision: null })
    expect(await resultOf(execution.id, 'now')).toEqual({ matched_revision: null, waited_seconds: 0 })
    expect((await eventsOf(execution.id)).map(({ name }) => name)).toContain('step.timed_out')
    const [row] = await engine.db.rows<{ ms: number }>(
      `SELECT extract(epoch FROM max(finished_at - (wait ->> 'deadline')::timestamptz))::double precision * 1000 AS ms
       FROM transient.step_run WHERE execution_id = $1::bigint`,
      execution.id,
    )
    expect(row?.ms).toBeLessThan(within(1500))
  })

  test('is closed by a cancellation, by a failure elsewhere, and by fail_fast', async () => {
    const { id } = await engine.start(until('vars.never'))
    await waits(id)
    await engine.orchestrator.cancel(id, null, 'api:test')
    expect(await statusOf(id)).toBe('cancelled')
    const failing = playbook(
      'failing',
      `\n- step: start\n  next: [w, x]\n- step: w\n  wait: {until: "{{ vars.never }}"}\n- step: x\n  tool: ${python('raise ValueError()')}`,
    )
    const failed = await engine.run(failing)
    expect(failed.execution.status).toBe('failed')
    expect(await statusOf(failed.execution.id)).toBe('cancelled')
    const each = playbook(
      'each',
      `
- step: each
  type: iterator
  collection: [1, 2, 3]
  element: item
  mode: async
  fail_fast: true
  task: {wait: {until: "{{ vars.go == item or vars.boom / 0 == item }}", timeout: 0.2}}
  next: [{when: "{{ this.status == 'error' }}", then: [end]}]
- step: end`,
    )
    const stopped = await engine.run(each)
    expect(stopped.execution.status).toBe('completed')
    const left = await engine.db.rows(`SELECT FROM transient.task WHERE execution_id = $1::bigint AND status = 'waiting'`, id)
    expect(left).toEqual([])
  })

  test('in an iterator each iteration waits for itself', async () => {
    const source = playbook(
      'several',
      `
- step: w
  type: iterator
  collection: "{{ range(20) | list }}"
  element: item
  mode: async
  concurrency: 20
  task: {wait: {until: "{{ vars.done >= item }}"}, vars: {last: "{{ item }}"}}`,
    )
    const { id } = await engine.start(source)
    const open = async () => {
      const rows = await engine.db.rows(
        `SELECT FROM transient.task WHERE execution_id = $1::bigint AND status = 'waiting' AND kind = 'wait'`,
        id,
      )
      return rows.length
    }
    await expect.poll(open, { timeout: within(10_000) }).toBe(20)
    await set(id, { done: 4 })
    expect(await open()).toBe(15)
    await set(id, { done: 19 })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await matchesOf(id)).toHaveLength(20)
  })

  test('the end of one wait ends others; computed and sensitive variables count', async () => {
    const source = playbook(
      'chain',
      `
- step: start
  next: [w, x, y]
- step: w
  wait: {until: "{{ vars.twice == 4 }}"}
  vars: {first: 1}
- step: x
  wait: {until: "{{ vars.first == 1 }}"}
  vars: {second: 1}
- step: y
  wait: {until: "{{ vars.token == 'abc' and vars.second == 1 }}"}`,
      { more: 'computed: {twice: "{{ vars.n * 2 }}"}' },
    )
    const { id } = await engine.start(source)
    for (const step of ['w', 'x', 'y']) await waits(id, step)
    await set(id, { token: 'abc' }, { isSensitive: true })
    await set(id, { n: 2 })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await matchesOf(id)).toHaveLength(3)
  })

  test('a condition that cannot be evaluated fails the step, not the write', async () => {
    const { id } = await engine.start(until('vars.go < 3'))
    await waits(id)
    await set(id, { go: 'text' })
    const execution = await engine.ended(id)
    expect(execution).toMatchObject({ status: 'failed', error: { step: 'w' } })
  })

  test('deletions and increments count', async () => {
    const { id } = await engine.start(until('vars.go is not defined and vars.n == 2'))
    await waits(id)
    await set(id, { go: 1, n: 1 })
    await engine.variables.write({
      executionId: id,
      writes: [{ operation: 'increment', name: 'n', by: 1, sourceStep: null } as never],
      actor: 'a',
    })
    expect(await statusOf(id)).toBe('waiting')
    await engine.variables.write({ executionId: id, writes: [{ operation: 'delete', name: 'go' }], actor: 'a' })
    expect((await engine.ended(id)).status).toBe('completed')
  })

  test('10,000 waits of one execution end with one write', { timeout: within(120_000) }, async () => {
    const count = process.env['TEST_LONG'] ? 10_000 : 500
    const source = playbook(
      'many',
      `\n- step: w\n  type: iterator\n  collection: "{{ range(${count}) | list }}"\n  element: item\n  mode: async\n  concurrency: ${count}\n  task: {wait: {until: "{{ vars.go or vars.only == item }}"}}`,
    )
    const { id } = await engine.start(source)
    const openWaits = async () => {
      const [row] = await engine.db.rows<{ open: number }>(
        'SELECT open_waits AS open FROM transient.execution WHERE id = $1::bigint',
        id,
      )
      return row?.open
    }
    await expect.poll(openWaits, { timeout: within(100_000) }).toBe(count)
    await set(id, { only: 7 })
    expect(await openWaits()).toBe(count - 1)
    await set(id, { go: true })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await matchesOf(id)).toHaveLength(count)
  })

  test('the example of docs/waits.md runs', async () => {
    const page = readFileSync(join(ROOT, 'docs/waits.md'), 'utf8')
    const source = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    for (const [approved, outcome] of [
      [true, 'paid'],
      [false, 'rejected'],
    ] as const) {
      const { id } = await engine.start(source)
      await waits(id, 'approval')
      await set(id, { approved })
      await engine.ended(id)
      expect(await engine.variables.values(id)).toEqual({ approved, decided_at_revision: 1, outcome })
    }
  })

  describe('writers race its opening', () => {
    const writers: Record<string, (id: string) => Promise<unknown>> = {
      'the API': (id) => set(id, { go: 1 }),
      'another service': (id) => set(id, { go: 1 }, { by: other }),
    }
    for (const [name, write] of Object.entries(writers)) {
      test(`${name}: each time it is matched`, { timeout: within(300_000) }, async () => {
        const source = playbook(
          'race',
          '\n- step: w\n  wait: {until: "{{ vars.go == 1 }}"}\n  vars: {matched: "{{ result.matched_revision }}"}',
        )
        const race = async (index: number) => {
          const { id } = await engine.start(source)
          await new Promise((resolve) => setTimeout(resolve, index % 20))
          await write(id)
          expect((await engine.ended(id)).status).toBe('completed')
          expect(await matchesOf(id)).toHaveLength(1)
        }
        for (let from = 0; from < RACES; from += 20) {
          await Promise.all(Array.from({ length: Math.min(20, RACES - from) }, (_, index) => race(from + index)))
        }
      })
    }

    test('a step of a parallel branch: each time it is matched', { timeout: within(300_000) }, async () => {
      const source = playbook(
        'branch',
        `\n- step: start\n  next: [w, x]\n- step: w\n  wait: {until: "{{ vars.go == 1 }}"}\n- step: x\n  vars: {go: 1}\n  next: [y]\n- step: y\n  vars: {go: 1}`,
      )
      for (let round = 0; round < RACES; round += 1) {
        const { execution } = await engine.run(source)
        expect(execution.status).toBe('completed')
        expect(await matchesOf(execution.id)).toHaveLength(1)
      }
    })
  })
})
