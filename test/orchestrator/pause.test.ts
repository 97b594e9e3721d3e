import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { within } from '../support/pace.js'
import { playbook, python } from '../support/source.js'

describeDatabase('an execution that is paused', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open())
  })
  afterAll(() => engine.close())

  const stepsOf = async (id: string) =>
    (
      await engine.db.rows<{ line: string }>(
        `SELECT concat_ws(' ', step, status) AS line FROM transient.step_run WHERE execution_id = $1::bigint ORDER BY run`,
        id,
      )
    ).map(({ line }) => line)
  const set = (id: string, name: string, value: number) =>
    engine.variables.write({
      executionId: id,
      writes: [{ operation: 'set', name, value, type: 'user_defined', sourceStep: null }],
      actor: 'api:test',
    })
  const quiet = () => new Promise((resolve) => setTimeout(resolve, within(1500)))
  const pause = (id: string) => engine.orchestrator.pause(id, 'for a look', 'api:ana')
  const resume = (id: string) => engine.orchestrator.resume(id, 'api:bo')

  test('lets what runs end, begins nothing new, and goes on where it stood', async () => {
    const { id } = await engine.start(
      playbook(
        'paused',
        `
- step: slow
  tool: ${python('import time\n  time.sleep(0.5)\n  return 1')}
  vars: {a: "{{ result }}"}
  next: [plain, tool]
- step: plain
  vars: {b: 2}
- step: tool
  tool: ${python('return 3')}
  vars: {c: "{{ result }}"}`,
      ),
    )
    await expect.poll(() => stepsOf(id)).toEqual(['slow running'])
    expect(await pause(id)).toMatchObject({ status: 'paused', isChanged: true })
    expect(await pause(id)).toMatchObject({ status: 'paused', isChanged: false })
    await expect.poll(() => stepsOf(id), { timeout: within(10_000) }).toContain('slow succeeded')
    await quiet()
    // Not even a step that needs nobody.
    expect(await stepsOf(id)).toEqual(['slow succeeded', 'plain pending', 'tool pending'])
    expect(await engine.variables.values(id)).toEqual({ a: 1 })
    await set(id, 'd', 4)
    expect(await resume(id)).toMatchObject({ status: 'running', isChanged: true })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toEqual({ a: 1, b: 2, c: 3, d: 4 })
    const events = await engine.db.rows<{ name: string; data: string }>(
      `SELECT name, data::text AS data FROM transient.event WHERE execution_id = $1::bigint AND name ~ 'execution.(paused|resumed)' ORDER BY seq`,
      id,
    )
    expect(events.map(({ name, data }) => [name, JSON.parse(data)])).toEqual([
      ['execution.paused', { actor: 'api:ana', reason: 'for a look' }],
      ['execution.resumed', { actor: 'api:bo' }],
    ])
  })

  test('loses no match of a wait, and none of its deadlines', async () => {
    const { id } = await engine.start(
      playbook(
        'paused_wait',
        `
- step: start
  next: [w, late]
- step: w
  wait: {until: "{{ vars.go == 1 }}"}
  vars: {seen: "{{ result.matched_revision }}"}
- step: late
  wait: {until: "{{ vars.never }}", timeout: 1}
  next: [{when: "{{ this.error.code == 'TIMEOUT' }}", then: [after]}]
- step: after
  vars: {after: 1}`,
      ),
    )
    await expect.poll(() => stepsOf(id)).toEqual(['start succeeded', 'w waiting', 'late waiting'])
    await pause(id)
    // It holds for one revision only.
    await set(id, 'go', 1)
    await set(id, 'go', 2)
    await expect
      .poll(() => stepsOf(id), { timeout: within(10_000) })
      .toEqual(['start succeeded', 'w succeeded', 'late failed', 'after pending'])
    await resume(id)
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toEqual({ go: 2, seen: 1, after: 1 })
  })

  test('offers nothing to workers, and keeps no other execution from them', async () => {
    const source = playbook('elsewhere', `\n- step: a\n  pool: paused_pool\n  tool: ${python('return 1')}`)
    const first = await engine.start(source)
    await pause(first.id)
    const claim = () => engine.orchestrator.claim({ pool: 'paused_pool', workerId: 'w', waitMs: 500 })
    expect(await claim()).toBeNull()
    const second = await engine.start(source)
    expect((await claim())?.executionId).toBe(second.id)
    await resume(first.id)
    expect((await claim())?.executionId).toBe(first.id)
    for (const { id } of [first, second]) await engine.orchestrator.cancel(id, null, 'api:test')
  })

  test('may be cancelled; what has ended, or is not there, cannot be paused', async () => {
    const { id } = await engine.start(playbook('cancelled_paused', '\n- step: w\n  wait: {for: 600}'))
    await pause(id)
    expect((await engine.orchestrator.cancel(id, null, 'api:test')).status).toBe('cancelled')
    await expect(pause(id)).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    await expect(resume(id)).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    await expect(pause('7')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a parent waits for a paused child, and a paused parent takes what its child gave', async () => {
    await engine.run(playbook('child', `\n- step: a\n  tool: ${python('return 5')}`))
    const { id } = await engine.start(
      playbook(
        'parent',
        '\n- step: down\n  tool: playbook\n  path: test/child\n  vars: {got: "{{ result }}"}\n  next: [more]\n- step: more\n  vars: {more: 1}',
      ),
    )
    await pause(id)
    await quiet()
    expect(await engine.variables.values(id)).not.toHaveProperty('more')
    await resume(id)
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toEqual({ got: 5, more: 1 })
  })
})
