import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { within } from '../support/pace.js'
import { playbook, python } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 11)

describeDatabase('finally, and the timeout of a playbook', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open())
  })
  afterAll(() => engine.close())

  const CLEAN = `
- step: clean
  tool: ${python('return 1')}
  vars: {cleaned: "{{ (vars.cleaned | default(0)) + 1 }}", after: "{{ ending.status }}", why: "{{ (ending.error or {}).code | default(none) }}"}`
  const withFinally = (name: string, steps: string, more = '') =>
    playbook(name, `${steps}${CLEAN}`, { more: `finally: clean\n${more}` })
  const eventsOf = async (id: string) =>
    (
      await engine.db.rows<{ name: string }>(
        `SELECT name FROM transient.event WHERE execution_id = $1::bigint AND name LIKE 'execution.%' ORDER BY seq`,
        id,
      )
    ).map(({ name }) => name)
  const stepsOf = async (id: string) =>
    (
      await engine.db.rows<{ line: string }>(
        `SELECT concat_ws(' ', step, status) AS line FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY run`,
        id,
      )
    ).map(({ line }) => line)

  test('runs once after success', async () => {
    const { execution, vars } = await engine.run(withFinally('done', '\n- step: a\n  next: [b, c]\n- step: b\n- step: c'))
    expect(execution).toMatchObject({ status: 'completed', error: null })
    expect(vars).toEqual({ cleaned: 1, after: 'completed', why: null })
    expect(await eventsOf(execution.id)).toEqual(['execution.started', 'execution.finally', 'execution.completed'])
  })

  test('runs once after a failure, whose error stays; what else ran is ended first', async () => {
    const { execution, vars } = await engine.run(
      withFinally(
        'failed',
        `\n- step: a\n  next: [bad, w]\n- step: bad\n  tool: ${python('raise ValueError("no")')}\n- step: w\n  wait: {for: 600}`,
      ),
    )
    expect(execution).toMatchObject({ status: 'failed', error: { code: 'TOOL_FAILED', step: 'bad' } })
    expect(vars).toEqual({ cleaned: 1, after: 'failed', why: 'TOOL_FAILED' })
    expect(await stepsOf(execution.id)).toEqual(['a succeeded', 'bad failed', 'w cancelled', 'clean succeeded'])
  })

  test('runs once after a cancellation; the execution is running meanwhile, and a second one ends it', async () => {
    const source = withFinally('cancelled', '\n- step: w\n  wait: {for: 600}')
    const first = await engine.start(source)
    await expect.poll(() => stepsOf(first.id)).toEqual(['w waiting'])
    expect((await engine.orchestrator.cancel(first.id, 'enough', 'api:ana')).status).toBe('running')
    expect(await engine.ended(first.id)).toMatchObject({ status: 'cancelled', error: null })
    expect(await engine.variables.values(first.id)).toEqual({ cleaned: 1, after: 'cancelled', why: null })
    const slow = playbook('hanging', `\n- step: w\n  wait: {for: 600}\n- step: clean\n  wait: {for: 600}`, {
      more: 'finally: clean',
    })
    const second = await engine.start(slow)
    await expect.poll(() => stepsOf(second.id)).toEqual(['w waiting'])
    await engine.orchestrator.cancel(second.id, null, 'api:ana')
    await expect.poll(() => stepsOf(second.id)).toEqual(['w cancelled', 'clean waiting'])
    expect((await engine.orchestrator.cancel(second.id, null, 'api:ana')).status).toBe('cancelled')
    expect(await stepsOf(second.id)).toEqual(['w cancelled', 'clean cancelled'])
  })

  test('that fails counts where nothing failed before, and hides nothing', async () => {
    const failing = `- step: clean\n  tool: ${python('raise ValueError("in finally")')}`
    const good = await engine.run(playbook('good', `\n- step: a\n${failing}`, { more: 'finally: clean' }))
    expect(good.execution).toMatchObject({ status: 'failed', error: { step: 'clean' } })
    const bad = await engine.run(
      playbook('bad', `\n- step: a\n  tool: ${python('raise ValueError("first")')}\n${failing}`, { more: 'finally: clean' }),
    )
    expect(bad.execution).toMatchObject({ status: 'failed', error: { step: 'a', message: expect.stringContaining('first') } })
  })

  test('may have steps that follow', async () => {
    const { execution, vars } = await engine.run(
      playbook('longer', '\n- step: a\n- step: clean\n  vars: {one: 1}\n  next: [more]\n- step: more\n  vars: {two: 2}', {
        more: 'finally: clean',
      }),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ one: 1, two: 2 })
  })

  test('a playbook whose time is up fails with TIMEOUT, after its finally', async () => {
    const { id } = await engine.start(withFinally('late', '\n- step: w\n  wait: {for: 600}', 'timeout: 1'))
    const execution = await engine.ended(id)
    expect(execution).toMatchObject({
      status: 'failed',
      error: { code: 'TIMEOUT', message: 'the execution did not end within 1 s (timeout of the playbook)', step: null },
    })
    expect(execution.finishedAt?.getTime()).toBeLessThan(execution.createdAt.getTime() + within(6000))
    expect(await engine.variables.values(id)).toEqual({ cleaned: 1, after: 'failed', why: 'TIMEOUT' })
    const quick = await engine.run(playbook('quick', '\n- step: a', { more: 'timeout: 0.5' }))
    expect(quick.execution.status).toBe('completed')
  })

  test('once, whatever statement the process dies at', async () => {
    const source = withFinally(
      'finally_crash',
      `\n- step: a\n  next: [bad, w]\n- step: bad\n  tool: ${python('raise ValueError("no")')}\n- step: w\n  wait: {for: 600}`,
    )
    const { db } = engine
    await engine.run(source)
    const runDyingAt = async (diesAt: number) => {
      const request = { path: 'test/finally_crash', workload: {}, idempotencyKey: `finally ${diesAt}` }
      const dying = dyingDatabase(db, diesAt)
      const first = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      if (first) {
        const acted = first.orchestrator.start(request).then(({ id }) => first.ended(id))
        await Promise.race([dying.died, acted.catch(() => null)])
      }
      const second = await openEngine(db, { leaseMs: 1000 })
      const { id } = await second.orchestrator.start(request)
      const { status, error } = await second.ended(id)
      const vars = await second.variables.values(id)
      await second.close()
      await first?.close().catch(() => undefined)
      return { seen: { status, step: error?.step, vars, steps: await stepsOf(id) }, statements: dying.statements() }
    }
    const { seen: expected, statements } = await runDyingAt(Number.MAX_SAFE_INTEGER)
    expect(expected).toMatchObject({ status: 'failed', step: 'bad', vars: { cleaned: 1 } })
    for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= statements; diesAt += STRIDE) {
      const { seen } = await runDyingAt(diesAt)
      expect({ diesAt, ...seen, steps: [...seen.steps].sort() }).toEqual({
        diesAt,
        ...expected,
        steps: [...expected.steps].sort(),
      })
    }
  }, 300_000)
})
