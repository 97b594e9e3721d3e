import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { playbook, python } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 13)

describeDatabase('join', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open())
  })
  afterAll(async () => {
    await engine.close()
  })

  /** `branch.arrived a 1`, in order. */
  async function arrivalsOf(id: string): Promise<string[]> {
    const rows = await engine.db.rows<{ line: string }>(
      `SELECT concat_ws(' ', name, data ->> 'from', data ->> 'arrived') AS line FROM transient.event
       WHERE execution_id = $1::bigint AND name LIKE 'branch.%' ORDER BY seq`,
      id,
    )
    return rows.map(({ line }) => line)
  }
  const visitsOf = ({ steps }: Awaited<ReturnType<Engine['run']>>, name: string) =>
    steps.filter(({ step }) => step === name).length

  /** So many branches, each with a tool, that lead to one step. */
  const fan = (name: string, count: number, join: string | number, branch: (index: number) => string) => {
    const names = Array.from({ length: count }, (_, index) => `b${index}`)
    return playbook(
      name,
      `
- step: start
  vars: {n: 0}
  next: [${names.join(', ')}]
${names.map((one, index) => `- step: ${one}\n  ${branch(index)}`).join('\n')}
- step: merge
  join: ${join}
  vars: {n: "{{ vars.n + 1 }}"}`,
    )
  }

  test('all: begins once, when every branch has arrived, with the arguments of all', async () => {
    const source = playbook(
      'join_all',
      `
- step: start
  next: [quick, slow, none]
- step: quick
  next: [{step: merge, args: {a: 1, who: quick}}]
- step: slow
  tool: ${python('import time\n  time.sleep(0.3)\n  return 2')}
  next: [{step: merge, args: {b: "{{ result }}", who: slow}}]
- step: none
- step: merge
  join: all
  tool: ${python('return [a, b, who]', 'a, b, who')}
  vars: {merged: "{{ result }}"}`,
    )
    const done = await engine.run(source)
    expect(done.execution.status).toBe('completed')
    expect(done.vars).toEqual({ merged: [1, 2, 'slow'] })
    expect(visitsOf(done, 'merge')).toBe(1)
    expect(await arrivalsOf(done.execution.id)).toEqual(['branch.arrived quick 1', 'branch.arrived slow 2'])
  })

  test.each([
    [2, 'all'],
    [50, 'all'],
    [200, 'all'],
    [50, 'any'],
    [50, 30],
  ] as const)('of %i branches, %s: runs once, whatever fails on the way', async (count, join) => {
    const route = 'next: [{when: "{{ this.status == \'error\' }}", then: [merge]}, {else: [merge]}]'
    const done = await engine.run(
      fan(`fan_${count}_${join}`, count, join, (index) =>
        index % 3 === 0 ? `tool: ${python('raise ValueError()')}\n  ${route}` : `vars: {b${index}: ${index}}\n  next: [merge]`,
      ),
    )
    expect(done.execution.status).toBe('completed')
    expect(done.vars['n']).toBe(1)
    expect(visitsOf(done, 'merge')).toBe(1)
    const arrivals = await arrivalsOf(done.execution.id)
    expect(arrivals).toHaveLength(count)
    const needed = join === 'all' ? count : join === 'any' ? 1 : join
    expect(arrivals.filter((line) => line.startsWith('branch.arrived'))).toHaveLength(needed)
  })

  test('all: a branch that goes elsewhere, or ends, is not waited for', async () => {
    const done = await engine.run(
      fan('elsewhere', 3, 'all', (index) =>
        index === 0
          ? `tool: ${python('raise ValueError()')}\n  next: [{when: "{{ this.status == 'error' }}", then: [end]}, {else: [merge]}]`
          : `when: "{{ ${index} == 1 }}"\n  next: [merge]`,
      ),
    )
    expect(done.execution.status).toBe('completed')
    expect(done.vars).toEqual({ n: 1 })
    expect(await arrivalsOf(done.execution.id)).toEqual(['branch.arrived b1 1'])
  })

  test('a number that can no longer be reached fails the step, which is routed like any failure', async () => {
    const source = (next: string) =>
      playbook(
        'unmet',
        `
- step: start
  next: [a, b, c]
- step: a
  next: [merge]
- step: b
  next: [merge]
- step: c
  when: "{{ false }}"
  next: [merge]
- step: merge
  join: 3
  tool: ${python('return 1')}
  ${next}
- step: late
  vars: {seen: "{{ merge.error.message }}"}`,
      )
    const failed = await engine.run(source('next: [late]'))
    expect(failed.execution).toMatchObject({
      status: 'failed',
      error: { code: 'TOOL_FAILED', message: 'step "merge" joins 3 branches, but 2 arrived and no other can', step: 'merge' },
    })
    const routed = await engine.run(source(`next: [{when: "{{ this.status == 'error' }}", then: [late]}]`))
    expect(routed.execution.status).toBe('completed')
    expect(routed.vars).toEqual({ seen: 'step "merge" joins 3 branches, but 2 arrived and no other can' })
  })

  test.each(['all', 'any', 2])('%s in a cycle: once a round, and what comes late is of its own round', async (join) => {
    const source = playbook(
      `cycle_${join}`,
      `
- step: start
  vars: {rounds: 0}
  next: [split]
- step: split
  next: [a, b, c]
- step: a
  next: [merge]
- step: b
  tool: ${python('return 1')}
  next: [merge]
- step: c
  tool: ${python('import time\n  time.sleep(0.1)')}
  next: [merge]
- step: merge
  join: ${join}
  vars: {rounds: "{{ vars.rounds + 1 }}"}
  next: [{when: "{{ vars.rounds < 5 }}", then: [split]}]`,
    )
    const done = await engine.run(source)
    expect(done.execution.status).toBe('completed')
    expect(done.vars).toEqual({ rounds: 5 })
    const arrivals = await arrivalsOf(done.execution.id)
    expect(arrivals.filter((line) => line.startsWith('branch.arrived'))).toHaveLength(
      5 * (join === 'all' ? 3 : join === 'any' ? 1 : 2),
    )
    expect(arrivals).toHaveLength(15)
  })

  test('what is left of an earlier round is not waited for', async () => {
    const source = playbook(
      'earlier_round',
      `
- step: start
  vars: {rounds: 0}
  next: [a, b, slow]
- step: a
  next: [merge]
- step: b
  when: "{{ vars.rounds == 0 }}"
  next: [merge]
- step: slow
  tool: ${python('import time\n  time.sleep(1)')}
  next: [merge]
- step: merge
  join: 2
  vars: {rounds: "{{ vars.rounds + 1 }}"}
  next: [{when: "{{ this.status == 'success' and vars.rounds == 1 }}", then: [a, b]}, {when: "{{ this.status == 'error' }}", then: [unmet]}]
- step: unmet`,
    )
    const { execution } = await engine.run(source)
    expect(execution.status).toBe('completed')
    const rows = await engine.db.rows<{ line: string }>(
      `SELECT concat_ws(' ', name, step) AS line FROM transient.event
       WHERE execution_id = $1::bigint AND name IN ('step.completed', 'step.failed', 'branch.absorbed') ORDER BY seq`,
      execution.id,
    )
    expect(rows.map(({ line }) => line).slice(-4)).toEqual([
      ...['step.failed merge', 'step.completed unmet', 'step.completed slow', 'branch.absorbed merge'],
    ])
  })

  test('two that wait for each other: the one that was reached first begins', async () => {
    const source = playbook(
      'mutual',
      `
- step: start
  next: [left, right]
- step: left
  join: all
  vars: {order: "{{ (vars.order | default([])) + ['left'] }}"}
  next: [{when: "{{ vars.order | length < 4 }}", then: [right]}]
- step: right
  join: all
  vars: {order: "{{ (vars.order | default([])) + ['right'] }}"}
  next: [{when: "{{ vars.order | length < 4 }}", then: [left]}]`,
    )
    const { execution, vars } = await engine.run(source)
    expect(execution.status).toBe('completed')
    expect(vars['order']).toEqual(['left', 'right', 'left', 'right'])
  })

  test('a cancelled execution leaves no join open', async () => {
    const { id } = await engine.start(
      playbook(
        'cancelled',
        `
- step: start
  next: [a, w]
- step: a
  next: [merge]
- step: w
  wait: {for: 600}
  next: [merge]
- step: merge
  join: all`,
      ),
    )
    await expect.poll(() => arrivalsOf(id)).toEqual(['branch.arrived a 1'])
    await engine.orchestrator.cancel(id, null, 'api:test')
    const rows = await engine.db.rows<{ step: string; status: string }>(
      'SELECT step, status FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY run',
      id,
    )
    expect(rows.map(({ step, status }) => `${step} ${status}`)).toEqual([
      ...['start succeeded', 'a succeeded', 'w cancelled', 'merge skipped'],
    ])
  })

  test('random graphs of branches: each join runs once a round, and every execution ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ from: fc.nat(8), to: fc.nat(8), joins: fc.boolean() }), { minLength: 1, maxLength: 14 }),
        async (edges) => {
          // Without cycles: an edge leads to a step with a greater number.
          const targets = new Map<number, Set<number>>()
          const joining = new Set<number>()
          for (const { from, to, joins } of edges) {
            const [low, high] = from < to ? [from, to] : [to, from]
            if (low === high) continue
            targets.set(low, (targets.get(low) ?? new Set()).add(high))
            if (joins) joining.add(high)
          }
          const steps = Array.from({ length: 9 }, (_, index) => {
            const next = [...(targets.get(index) ?? [])].map((to) => `s${to}`)
            return `- step: s${index}${joining.has(index) ? '\n  join: all' : ''}${next.length > 0 ? `\n  next: [${next.join(', ')}]` : ''}`
          })
          const done = await engine.run(playbook('random', `\n- step: start\n  next: [s0]\n${steps.join('\n')}`))
          expect(done.execution.status).toBe('completed')
          for (const index of joining) expect(visitsOf(done, `s${index}`)).toBeLessThanOrEqual(1)
          // What a graph of joins alone would visit: all that can be reached.
          const reached = new Set([0])
          for (const from of reached) for (const to of targets.get(from) ?? []) reached.add(to)
          expect(new Set(done.steps.map(({ step }) => step))).toEqual(
            new Set(['start', ...[...reached].map((index) => `s${index}`)]),
          )
        },
      ),
      { numRuns: 40 },
    )
  }, 120_000)

  test('is begun once, whatever statement the process dies at', async () => {
    const source = playbook(
      'join_crash',
      `
- step: start
  next: [a, b, c]
- step: a
  tool: ${python('return 1')}
  next: [{step: merge, args: {a: 1}}]
- step: b
  next: [{step: merge, args: {b: 2}}]
- step: c
  tool: ${python('raise ValueError()')}
  next: [{when: "{{ this.status == 'error' }}", then: [end]}]
- step: merge
  join: all
  tool: ${python('return [a, b]', 'a, b')}
  vars: {n: "{{ (vars.n | default(0)) + 1 }}", got: "{{ result }}"}`,
    )
    const { db } = engine
    await engine.run(source)
    const runDyingAt = async (diesAt: number) => {
      const request = { path: 'test/join_crash', workload: {}, idempotencyKey: `join ${diesAt}` }
      const dying = dyingDatabase(db, diesAt)
      const first = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      if (first) {
        const acted = first.orchestrator.start(request).then(({ id }) => first.ended(id))
        await Promise.race([dying.died, acted.catch(() => null)])
      }
      const second = await openEngine(db, { leaseMs: 1000 })
      const { id } = await second.orchestrator.start(request)
      const { status } = await second.ended(id)
      const vars = await second.variables.values(id)
      await second.close()
      await first?.close().catch(() => undefined)
      return { status, vars, statements: dying.statements() }
    }
    const { statements } = await runDyingAt(Number.MAX_SAFE_INTEGER)
    for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= statements; diesAt += STRIDE) {
      const { status, vars } = await runDyingAt(diesAt)
      expect({ diesAt, status, vars }).toEqual({ diesAt, status: 'completed', vars: { n: 1, got: [1, 2] } })
    }
  }, 300_000)
})
