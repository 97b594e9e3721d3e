import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { playbook, python } from '../support/source.js'

const FAIL = python("raise ValueError('no')")

describeDatabase('failures', (open) => {
  let engine: Engine
  let url = ''
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/fails' ? 500 : 200, { 'content-type': 'application/json' })
    response.end(request.url === '/fails' ? '{"a":"\\u0000"}' : '{"a":1}')
  })
  beforeAll(async () => {
    engine = await openEngine(await open())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    await engine.close()
    server.close()
  })

  async function eventOf(id: string, step: string) {
    const rows = await engine.db.rows<{ data: string | null }>(
      `SELECT data::text AS data FROM transient.event
       WHERE execution_id = $1::bigint AND step = $2 AND name IN ('step.completed', 'step.failed')`,
      id,
      step,
    )
    return JSON.parse(rows[0]?.data ?? 'null')
  }

  test.each([
    ['half a surrogate pair', 'return chr(0xd800)'],
    ['NUL', 'return {"a": [chr(0)]}'],
    ['NUL', 'return {chr(0): 1}'],
    ['1001 digits', 'return 10 ** 1000'],
    ['200001 digits', 'import sys; sys.set_int_max_str_digits(0); return 10 ** 200000'],
    ['nested more than', 'x = 1\n  for _ in range(600): x = [x]\n  return x'],
  ])('a result that cannot be stored fails the step and says why: %s', async (why, body) => {
    const { execution } = await engine.run(playbook('unstorable', `\n- step: a\n  tool: ${python(body)}`))
    expect(execution.error).toMatchObject({ code: 'TOOL_FAILED', step: 'a' })
    expect(execution.error?.message).toContain(why)
  })

  test('a failed tool keeps its own error when its data or message cannot be stored', async () => {
    const http = await engine.run(playbook('fails', `\n- step: a\n  tool: {kind: http, url: "${url}/fails"}`))
    expect(http.execution.error?.message).toMatch(/500.*data is left out.*NUL/)
    const code = python("return {'status': 'error', 'error': 'a' + chr(0) + chr(0xd800), 'data': 5}")
    const { execution, steps } = await engine.run(playbook('fails2', `\n- step: a\n  tool: ${code}`))
    expect(execution.error).toMatchObject({ code: 'TOOL_FAILED', message: 'a\uFFFD\uFFFD' })
    expect(steps[0]?.result).toBe(5)
  })

  test('the details of a reported error stand in this.error, but for those that no database can hold', async () => {
    const report = async (details: JsonObject) => {
      const started = await engine.start(
        playbook(
          'details',
          `\n- {step: a, pool: away, tool: ${python('return 1')}, next: [{when: "{{ true }}", then: [b]}], vars: {e: "{{ this.error }}"}}\n- step: b`,
        ),
      )
      const task = await engine.orchestrator.claim({ pool: 'away', workerId: 'w', waitMs: 5000 })
      if (!task) throw new Error('no task')
      const error = { code: 'TOOL_FAILED' as const, message: 'no paper', details }
      await engine.orchestrator.complete({ taskId: task.id, attempt: task.attempt, token: task.token, error })
      await engine.ended(started.id)
      return (await engine.variables.values(started.id))['e']
    }
    expect(await report({ tray: 2, code: 'X', message: 'y' })).toEqual({ tray: 2, code: 'TOOL_FAILED', message: 'no paper' })
    expect(await report({ tray: '\u0000' })).toEqual({ code: 'TOOL_FAILED', message: 'no paper' })
  })

  test.each([
    ['the args of a transition', `\n- step: a\n  next: [{step: b, args: {x: "{{ '\\\\u0000' }}"}}]\n- step: b`],
    ['an element', `\n- step: a\n  loop: {in: "{{ ['\\\\u0000'] }}", iterator: x}\n  tool: ${python('return 1')}`],
    ['the input of a child', `\n- step: a\n  tool: {kind: playbook, path: test/x, args: {x: "{{ '\\\\u0000' }}"}}`],
    ['a variable', `\n- step: a\n  vars: {x: "{{ '\\\\u0000' }}"}`],
  ])('what templates make and the database cannot hold fails the step: %s', async (_what, workflow) => {
    const { execution } = await engine.run(playbook('nul', workflow))
    expect(execution.error).toMatchObject({ code: 'TEMPLATE_ERROR', step: 'a' })
  })

  test('on a failed step only the entries that cannot be evaluated are left out, and the event says which', async () => {
    const { execution, vars } = await engine.run(
      playbook(
        'lenient',
        `
- step: a
  tool: ${FAIL}
  vars: {ok: 1, big: "{{ 'x' * 300000 }}", key: "{{ {'constructor': 1} }}", gone: "{{ nowhere }}", code: "{{ error.code }}"}
  next: [{when: "{{ error }}", step: b, args: {z: "{{ nowhere }}"}}]
- step: b`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ ok: 1, code: 'TOOL_FAILED' })
    const event = await eventOf(execution.id, 'a')
    expect(event.skipped_vars.map(({ name }: { name: string }) => name)).toEqual(['big', 'key', 'gone'])
    expect(event.routes).toMatchObject([
      { outcome: true },
      { at: 'workflow[0].next[0].then[0].args', outcome: expect.stringContaining('nowhere') },
    ])
  })

  test('what the tool gave stays in this when its vars fail the step; the tool is not run again', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'kept',
        `
- step: a
  tool: {kind: http, url: "${url}/ok"}
  retry: {max_attempts: 3, initial_delay: 0}
  vars: {fine: 1, bad: "{{ nowhere }}"}
  next: [{when: "{{ this.status_code == 200 and error.code == 'TEMPLATE_UNDEFINED' and result.a == 1 }}", step: b}]
- step: b`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({})
    expect(steps[0]).toMatchObject({ status: 'failed', attempts: 1 })
  })

  test('the numbers of retry come from the workload; nonsense fails the step, and says which', async () => {
    const retried = (name: string, tries: number | string) =>
      engine.run(
        playbook(
          name,
          `\n- step: a\n  tool: ${FAIL}\n  retry: {max_attempts: "{{ workload.tries }}", initial_delay: "{{ vars.wait }}"}\n  vars: {before: {wait: 0}}`,
        ),
        { tries },
      )
    expect((await retried('tries', 3)).steps[0]).toMatchObject({ status: 'failed', attempts: 3 })
    const { execution, steps } = await retried('nonsense', 'many')
    expect(steps[0]).toMatchObject({ status: 'failed', attempts: 1 })
    expect(execution.error).toMatchObject({ code: 'TEMPLATE_ERROR', step: 'a' })
    expect(execution.error?.message).toContain(
      'workflow[0].retry.max_attempts: max_attempts must be an integer of at least 1, not "many"',
    )
  })

  test("a failing retry.when counts as false and is recorded; an iterator's start is not retried", async () => {
    const rule = (when: string) => `{max_attempts: 3, initial_delay: 0${when}}`
    const { execution, steps } = await engine.run(
      playbook('whenever', `\n- step: a\n  tool: ${FAIL}\n  retry: ${rule(', when: "{{ nowhere.x }}"')}`),
    )
    expect(steps[0]?.attempts).toBe(1)
    expect(await eventOf(execution.id, 'a')).toMatchObject({ routes: [{ at: 'workflow[0].retry.when' }] })
    const loop = await engine.run(
      playbook('noloop', `\n- step: a\n  loop: {in: "{{ 5 }}", iterator: x}\n  tool: ${FAIL}\n  retry: ${rule('')}`),
    )
    expect(loop.execution.error).toMatchObject({ code: 'TEMPLATE_ERROR', attempt: 1 })
  })
})
