import { afterAll, beforeAll, expect, test } from 'vitest'
import { type JsonObject, type JsonValue, type LosslessNumber, numberText, parseJson } from '../../src/core/json.js'
import { describeDatabase, type TestDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'

/** A playbook with a name and a workflow. */
function playbook(name: string, workflow: string, workload = '{}'): string {
  return `apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: ${name}, path: test/${name}}\nworkload: ${workload}\nworkflow:\n${workflow}`
}

describeDatabase('the orchestrator', (open) => {
  let db: TestDatabase
  let engine: Engine
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { stepLimit: 50 })
  })
  afterAll(() => engine.close())

  test('vars are evaluated in order, typed, and committed with the step', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'ordered',
        `
- step: start
  vars: {a: 1, b: "{{ vars.a + 1 }}", c: "{{ vars.b }} things", d: "{{ [vars.a, vars.b] }}"}
  next: [{step: second}]
- step: second
  vars: {a: "{{ vars.a + 10 }}", big: 507861119290048685}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toMatchObject({ a: 11, b: 2, c: '2 things', d: [1, 2] })
    expect(String(vars['big'])).toBe('507861119290048685')
    expect(execution.revision).toBe(2)
    expect(steps.map((step) => [step.step, step.status])).toEqual([
      ['start', 'succeeded'],
      ['second', 'succeeded'],
    ])
  })

  test('the smallest and the largest doubles are values like others; what overflows one is refused', async () => {
    const doubles = [5e-324, 2.2e-309, -2.2250738585072014e-308, 1.7976931348623157e308]
    const { execution, vars, steps } = await engine.run(
      playbook(
        'doubles',
        `
- step: start
  tool: {kind: python, code: "result = [5e-324, 2.2e-309, -2.2250738585072014e-308, 1.7976931348623157e308]"}
  vars: {computed: "{{ result }}", halved: "{{ 1e-323 / 2 }}", literal: 5e-324}
  next: [{step: second}]
- step: second
  tool: {kind: python, args: {given: "{{ vars.computed }}"}, code: "result = [given, given[0] == 5e-324]"}`,
        '{tiny: 2.2e-309}',
      ),
    )
    expect(execution.status).toBe('completed')
    expect((vars['computed'] as JsonValue[]).map((value) => Number(numberText(value as LosslessNumber)))).toEqual(doubles)
    for (const name of ['halved', 'literal']) expect(Number(numberText(vars[name] as LosslessNumber))).toBe(5e-324)
    expect(steps[1]?.result).toEqual([doubles, true])
    const over = await engine.run(playbook('no_double', '\n- step: s\n  tool: {kind: python, code: "result = 1e308 * 10"}'))
    expect(over.execution.error?.message).toContain('result is inf, which is not JSON')
    const write = (value: JsonValue) =>
      engine.variables.write({
        executionId: '324',
        actor: 'api:test',
        writes: [{ operation: 'set', name: 'written', value, type: 'user_defined', sourceStep: null }],
      })
    await write(parseJson('5e-324'))
    expect(await engine.variables.read('324', 'written')).toMatchObject({ value: parseJson('5e-324') })
    await expect(write(parseJson('1.8e308'))).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringMatching(/those of a double/),
    })
  })

  test('a failing entry fails the step, writes nothing of the block, and names what is undefined', async () => {
    const { execution, vars } = await engine.run(
      playbook(
        'undefined_var',
        `
- step: start
  vars: {counter: 1}
  next: start2
- step: start2
  vars: {ok: 1, bad: "{{ vars.conter }}"}`,
      ),
    )
    expect(execution.status).toBe('failed')
    expect(execution.error).toMatchObject({ code: 'TEMPLATE_UNDEFINED', step: 'start2', attempt: 1 })
    expect(execution.error?.message).toContain('conter')
    expect(execution.error?.message).toContain('vars.counter')
    expect(vars).toEqual({ counter: 1 })
  })

  test('fan-out, cycles, conditions and else', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'cycle',
        `
- step: start
  vars: {n: 0}
  next: [{step: count}, {step: side}]
- step: side
  vars: {side: true}
- step: count
  vars: {n: "{{ vars.n + 1 }}"}
  next:
  - when: "{{ vars.n < 3 }}"
    then: [{step: count}]
  - else: [{step: done}]
- step: done
  vars: {done: "{{ vars.n }}"}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ n: 3, side: true, done: 3 })
    expect(steps.filter((step) => step.step === 'count').map((step) => step.visit)).toEqual([1, 2, 3])
  })

  test('the step limit stops an endless cycle', async () => {
    const { execution } = await engine.run(playbook('endless', '\n- step: start\n  next: start'))
    expect(execution.status).toBe('failed')
    expect(execution.error?.code).toBe('STEP_LIMIT')
  })

  test('retry runs the tool again, with before only once', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'retry',
        `
- step: flaky
  vars: {before: {started: "{{ (vars.started | default(0)) + 1 }}"}, after: {attempt: "{{ this.attempt }}"}}
  tool: {kind: python, args: {file: "{{ workload.file }}"}, code: "def main(file):\\n  import os\\n  n = len(open(file).read()) if os.path.exists(file) else 0\\n  open(file, 'a').write('x')\\n  assert n >= 2, n\\n  return n"}
  retry: {max_attempts: 5, initial_delay: 0.01}`,
      ),
      { file: `/tmp/transient-retry-${process.pid}-${Math.random()}` },
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ started: 1, attempt: 3 })
    expect(steps[0]).toMatchObject({ attempts: 3, result: 2 })
  })

  test('a failed step is handled by a condition, else it fails the execution and withdraws the rest', async () => {
    const failing = (next: string) => `
- step: start
  next: [{step: boom}, {step: slow}]
- step: slow
  tool: {kind: python, code: "def main():\\n  import time\\n  time.sleep(20)"}
- step: boom
  tool: {kind: python, code: "def main():\\n  raise ValueError('no')"}
  ${next}
- step: handled
  vars: {error: "{{ boom.error.code }}"}
  tool: {kind: python, code: "def main():\\n  raise ValueError('again')"}`
    const unhandled = await engine.run(playbook('unhandled', failing('next: [{step: handled}]')))
    expect(unhandled.execution).toMatchObject({ status: 'failed', error: { code: 'TOOL_FAILED', step: 'boom', attempt: 1 } })
    expect(unhandled.steps.find((step) => step.step === 'slow')?.status).toBe('cancelled')
    const handled = await engine.run(
      playbook('handled', failing('next: [{when: "{{ this.status == \'error\' }}", then: [{step: handled}]}]')),
    )
    expect(handled.execution).toMatchObject({ status: 'failed', error: { step: 'handled' } })
    expect(handled.vars).toEqual({ error: 'TOOL_FAILED' })
  })

  test('an iterator keeps order and state; failures are null in their place', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'iterate',
        `
- step: each
  loop: {in: "{{ workload.items }}", iterator: item, mode: async, concurrency: 3}
  tool: {kind: python, code: "def main(item):\\n  assert item != 3, 'three'\\n  return item * 2"}
  vars: {total: "{{ this.stats.total }}", failed: "{{ this.stats.failed }}", errors: "{{ this.errors }}"}`,
        '{items: [1, 2, 3, 4, 5]}',
      ),
    )
    expect(execution.status).toBe('completed')
    expect(steps[0]?.result).toEqual([2, 4, null, 8, 10])
    expect(vars).toMatchObject({ total: 5, failed: 1, each_total: 5, each_count: 5, errors: [{ index: 2 }] })
    expect(execution.revision).toBe(7)
  })

  test('where, order_by, limit, chunk and enumerate', async () => {
    const { steps } = await engine.run(
      playbook(
        'options',
        `
- step: each
  loop: {in: "{{ range(10) | list }}", iterator: part, where: "part % 2 == 0", order_by: "-part", limit: 4, chunk: 3, enumerate: true}
  tool: {kind: python, code: "def main(part):\\n  return part"}`,
      ),
    )
    expect(steps[0]?.result).toEqual([
      { index: 0, item: [8, 6, 4] },
      { index: 1, item: [2] },
    ])
  })

  test('an empty list succeeds; anything but a list fails; fail_fast stops', async () => {
    const loop = (collection: string, more = '') => `
- step: each
  loop: {in: ${collection}, iterator: item${more}}
  tool: {kind: python, code: "def main(item):\\n  assert item < 2, 'two'\\n  return item"}`
    const empty = await engine.run(playbook('empty', loop('[]')))
    expect(empty.execution.status).toBe('completed')
    expect(empty.vars).toEqual({ each_count: 0, each_total: 0 })
    const wrong = await engine.run(playbook('wrong', loop('"{{ 5 }}"')))
    expect(wrong.execution).toMatchObject({ status: 'failed', error: { code: 'TEMPLATE_ERROR', step: 'each' } })
    const fast = await engine.run(playbook('fast', loop('[1, 2, 3, 1]', ', fail_fast: true')))
    expect(fast.execution).toMatchObject({ status: 'failed', error: { code: 'TOOL_FAILED', step: 'each' } })
    expect(fast.vars['each_count']).toBe(2)
  })

  test('a child execution: linked, its result is data, its failure fails the step', async () => {
    await engine.run(
      playbook(
        'child',
        `\n- step: start\n  tool: {kind: python, code: "def main(x):\\n  return {'double': x * 2}", args: {x: "{{ workload.x }}"}}`,
        '{x: 1}',
      ),
    )
    const parent = await engine.run(
      playbook(
        'parent',
        `
- step: call
  tool: {kind: playbook, path: test/child, args: {x: 21}}
  vars: {answer: "{{ result.double }}", child: "{{ this.execution_id }}"}`,
      ),
    )
    expect(parent.execution.status).toBe('completed')
    expect(parent.vars['answer']).toBe(42)
    expect(await engine.ended(String(parent.vars['child']))).toMatchObject({ parentId: parent.execution.id, status: 'completed' })
    const failing = await engine.run(
      playbook('parent2', '\n- step: call\n  tool: {kind: playbook, path: test/child, args: {x: null}}'),
    )
    expect(failing.execution.error).toMatchObject({ code: 'TOOL_FAILED', step: 'call' })
    const missing = await engine.run(playbook('parent3', '\n- step: call\n  tool: {kind: playbook, path: test/nowhere}'))
    expect(missing.execution.error).toMatchObject({ code: 'TOOL_FAILED', step: 'call' })
    const endless = await engine.run(playbook('nest', '\n- step: call\n  tool: {kind: playbook, path: test/nest}'))
    expect(endless.execution.error?.message).toContain('CHILD_DEPTH')
  })

  test('cancel ends tools and children', async () => {
    const child = playbook(
      'sleeper',
      '\n- step: start\n  tool: {kind: python, code: "def main():\\n  import time\\n  time.sleep(30)"}',
    )
    await engine.orchestrator.cancel((await engine.start(child)).id, null, 'api:test')
    const parent = await engine.start(playbook('caller', '\n- step: call\n  tool: {kind: playbook, path: test/sleeper}'))
    let childId: string | null = null
    while (childId === null) {
      const rows = await engine.db.rows<{ id: bigint }>(
        'SELECT id FROM transient.execution WHERE parent_id = $1::bigint',
        parent.id,
      )
      childId = rows[0] ? String(rows[0].id) : null
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await engine.orchestrator.cancel(parent.id, 'enough', 'api:test')
    expect((await engine.ended(childId)).status).toBe('cancelled')
    expect((await engine.orchestrator.cancel(parent.id, null, 'api:test')).status).toBe('cancelled')
  })

  test('rerun from a step takes variables and results from before it', async () => {
    const source = playbook(
      'repair',
      `
- step: start
  vars: {divisor: 0, kept: 7}
  next: [{step: divide, args: {numerator: 10}}]
- step: divide
  tool: {kind: python, code: "def main(numerator, divisor):\\n  return numerator / divisor", args: {divisor: "{{ vars.divisor }}"}}
  vars: {quotient: "{{ result }}"}`,
    )
    const failed = await engine.run(source)
    expect(failed.execution.error).toMatchObject({ code: 'TOOL_FAILED', step: 'divide' })
    const again = await engine.orchestrator.rerun({
      id: failed.execution.id,
      fromStep: 'divide',
      variables: [{ name: 'divisor', value: 4 }],
      actor: 'api:test',
    })
    expect(await engine.ended(again.id)).toMatchObject({ status: 'completed', rerunOf: failed.execution.id })
    expect(await engine.variables.values(again.id)).toMatchObject({ divisor: 4, kept: 7, quotient: 2.5 })
    await expect(engine.orchestrator.rerun({ id: failed.execution.id, fromStep: 'nowhere', actor: 'api:test' })).rejects.toThrow(
      /nowhere/,
    )
  })

  test('an idempotency key starts one execution', async () => {
    await engine.run(playbook('once', '\n- step: start'))
    const request = { path: 'test/once', workload: { a: 1 }, idempotencyKey: 'k1' }
    const [first, second] = await Promise.all([engine.orchestrator.start(request), engine.orchestrator.start(request)])
    expect(second?.id).toBe(first?.id)
    await expect(engine.orchestrator.start({ ...request, workload: { a: 2 } })).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('several start together, or none of them', async () => {
    await engine.run(playbook('several', '\n- step: start\n  vars: {n: "{{ workload.n }}"}'))
    const inputs = Array.from({ length: 250 }, (_, n) => ({ path: 'test/several', workload: { n } }))
    const started = await engine.orchestrator.startSeveral(inputs)
    expect(started.map(({ workload }) => workload)).toEqual(inputs.map(({ workload }) => workload))
    for (const { id } of started) expect(await engine.ended(id)).toMatchObject({ status: 'completed' })
    const count = async () => (await db.rows('SELECT FROM transient.execution')).length
    const before = await count()
    const key = (idempotencyKey: string) => ({ path: 'test/several', workload: { n: 0 }, idempotencyKey })
    const refusals = [
      [[...inputs.slice(0, 3), { path: 'test/unheard-of' }], 'NOT_FOUND', 'inputs[3]'],
      [[{ path: 'test/several', workload: [] as unknown as JsonObject }], 'VALIDATION', 'inputs[0].workload'],
      [[...inputs, ...inputs.slice(0, 1)], 'VALIDATION', 'inputs'],
      [[], 'VALIDATION', 'inputs'],
      [[key('s1'), key('s2'), key('s1')], 'VALIDATION', 'inputs[2].idempotencyKey'],
    ] as const
    for (const [requests, code, field] of refusals) {
      await expect(engine.orchestrator.startSeveral(requests)).rejects.toMatchObject({ code, details: { field } })
    }
    expect(await count()).toBe(before)
    const [first, again] = [
      await engine.orchestrator.startSeveral([key('s3')]),
      await engine.orchestrator.startSeveral([key('s3'), key('s4')]),
    ]
    expect([again[0]?.id, again[0]?.isChanged, again[1]?.isChanged]).toEqual([first[0]?.id, false, true])
  })

  test('the API may write while a playbook runs, and not after', async () => {
    const { execution } = await engine.run(playbook('finished', '\n- step: start\n  vars: {a: 1}'))
    const writes = [{ operation: 'set', name: 'b', value: 1, type: 'user_defined', sourceStep: null }] as const
    await expect(engine.variables.write({ executionId: execution.id, writes, actor: 'api:test' })).rejects.toMatchObject({
      code: 'EXECUTION_FINISHED',
    })
  })

  test('workers outside claim, hold and complete tasks of their pool', async () => {
    const execution = await engine.start(
      playbook(
        'remote',
        '\n- step: start\n  pool: gpu\n  tool: {kind: python, code: "def main(): pass", args: {x: "{{ execution_id }}"}}\n  vars: {got: "{{ result }}"}',
      ),
    )
    const task = await engine.orchestrator.claim({ pool: 'gpu', workerId: 'w1', waitMs: 60_000 })
    expect(task).toMatchObject({
      executionId: execution.id,
      step: 'start',
      attempt: 1,
      kind: 'python',
      input: { args: { x: execution.id } },
    })
    if (!task) throw new Error('no task')
    expect(await engine.orchestrator.claim({ pool: 'gpu', workerId: 'w2', waitMs: 0 })).toBeNull()
    const ticket = { taskId: task.id, attempt: 1, token: task.token }
    expect(await engine.orchestrator.heartbeat(ticket)).toMatchObject({ id: task.id, input: task.input })
    await expect(engine.orchestrator.complete({ ...ticket, token: 'stolen', result: 1 })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect(await engine.orchestrator.complete({ ...ticket, result: 'done' })).toEqual({ isAccepted: true, revision: 1 })
    expect(await engine.orchestrator.complete({ ...ticket, result: 'done' })).toMatchObject({ isAccepted: false })
    expect((await engine.ended(execution.id)).status).toBe('completed')
    expect(await engine.variables.values(execution.id)).toEqual({ got: 'done' })
  })
})
