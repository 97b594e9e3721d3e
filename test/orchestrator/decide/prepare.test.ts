import { describe, expect, test } from 'vitest'
import { TransientError } from '../../../src/core/errors.js'
import { prepare } from '../../../src/orchestrator/decide/prepare.js'
import { LIMITS, NOW, snapshotOf } from './snapshots.js'

const base = { limits: LIMITS, now: NOW }
const PYTHON = 'tool: {kind: python, args: {x: "{{ vars.x }}"}, code: "def main(x): return x"}'
const failing = (code: string, message = '') => ({
  type: 'finish_run',
  error: { code, message: expect.stringContaining(message) },
})

describe('the beginning of an attempt', () => {
  test('before, then the rendered call, which sees it; once per visit', () => {
    const steps = `- {step: a, vars: {before: {x: 5}}, ${PYTHON}, timeout: "{{ vars.x / 2 }}"}`
    const first = prepare({ ...base, snapshot: snapshotOf({ steps }) })
    expect(first.writes).toMatchObject([{ name: 'x', value: 5 }])
    expect(first.call).toMatchObject({ kind: 'python', input: { args: { x: 5 } }, timeoutMs: 2500 })
    expect(first.commands).toEqual([{ type: 'start_run', run: 1, attempt: 1, locals: null, isSensitive: false }])
    expect(first.events).toMatchObject([{ name: 'step.started' }])
    const again = prepare({
      ...base,
      snapshot: snapshotOf({ steps, vars: { x: 6 }, run: { isPrepared: true }, task: { attempt: 2 } }),
    })
    expect(again).toMatchObject({ writes: [], call: { input: { args: { x: 6 } } }, commands: [{ attempt: 2 }] })
  })

  test('args of the transition win over the step; the default timeout', () => {
    const snapshot = snapshotOf({ steps: `- {step: a, ${PYTHON}}`, vars: { x: 1 }, run: { args: { x: 2, y: 3 } } })
    expect(prepare({ ...base, snapshot }).call).toMatchObject({ input: { args: { x: 2, y: 3 } }, timeoutMs: 1000 })
  })

  test('a fault on the way fails the attempt: of before without a retry, of the input with one', () => {
    const retry = 'retry: {max_attempts: 2, initial_delay: 0}'
    const before = snapshotOf({ steps: `- {step: a, vars: {before: {y: 1, x: "{{ nowhere }}"}}, ${PYTHON}, ${retry}}` })
    expect(prepare({ ...base, snapshot: before })).toMatchObject({
      writes: [],
      commands: [{ type: 'start_run' }, failing('TEMPLATE_UNDEFINED'), {}],
    })
    const input = snapshotOf({ steps: `- {step: a, vars: {before: {y: 1}}, ${PYTHON}, ${retry}}` })
    expect(prepare({ ...base, snapshot: input })).toMatchObject({
      writes: [{ name: 'y' }],
      commands: [{ type: 'start_run' }, { type: 'retry' }],
    })
    const rejection = { error: new TransientError('TOO_LARGE', 'y'), dropped: 'block' } as const
    expect(prepare({ ...base, snapshot: input, rejection })).toMatchObject({
      writes: [],
      commands: [{}, failing('TOO_LARGE'), {}],
    })
    const timeout = snapshotOf({ steps: `- {step: a, ${PYTHON}, timeout: "{{ 'soon' }}"}`, vars: { x: 1 } })
    expect(prepare({ ...base, snapshot: timeout }).commands[1]).toMatchObject(failing('TEMPLATE_ERROR', 'seconds above 0'))
  })

  test('a step without a tool ends at once; a lost worker is given up', () => {
    const plain = snapshotOf({ steps: '- {step: a, vars: {x: 1}}' })
    expect(prepare({ ...base, snapshot: plain })).toMatchObject({
      writes: [{ name: 'x' }],
      commands: [{}, { status: 'succeeded' }, {}],
      call: null,
    })
    const lost = snapshotOf({ steps: `- {step: a, ${PYTHON}, retry: {max_attempts: 5}}`, task: { deliveries: 4 } })
    expect(prepare({ ...base, snapshot: lost }).commands[0]).toMatchObject(failing('TOOL_FAILED', 'lost 3 times'))
  })
})

describe('iterators', () => {
  const steps = `- {step: a, loop: {in: "{{ vars.list }}", iterator: x}, tool: {kind: python, args: {x: "{{ x }}"}, code: "result = x"}}`

  test('the start opens the loop; an empty one joins at once', () => {
    const start = prepare({ ...base, snapshot: snapshotOf({ steps, vars: { list: [1, 2] }, task: { kind: 'iterate' } }) })
    expect(start.writes).toMatchObject([
      { name: 'a_total', value: 2, type: 'iterator_state' },
      { name: 'a_count', value: 0 },
    ])
    expect(start.commands).toMatchObject([{ type: 'start_run' }, { type: 'open_loop', items: [1, 2] }])
    const empty = prepare({ ...base, snapshot: snapshotOf({ steps, vars: { list: [] } }) })
    expect(empty.commands.map((command) => command.type)).toEqual(['start_run', 'open_loop', 'join_loop'])
  })

  test('an iteration renders its own element; the join has no beginning', () => {
    const iteration = prepare({ ...base, snapshot: snapshotOf({ steps, loop: {} }) })
    expect(iteration).toMatchObject({
      call: { input: { args: { x: 'first' } } },
      events: [{ name: 'iteration.started', data: { iteration: 0 } }],
    })
    const loop = { total: 1, firstRun: 2, concurrency: 1, opened: 1, done: 1, failed: 0, stopped: null }
    const iterations = [{ status: 'succeeded', result: 7, error: null, isSensitive: false }] as const
    const join = snapshotOf({ steps, task: { kind: 'join' }, run: { loop, isPrepared: true }, more: { iterations } })
    expect(prepare({ ...base, snapshot: join }).commands).toMatchObject([
      { type: 'finish_run', result: [7] },
      { type: 'end_execution' },
    ])
    expect(() => prepare({ ...base, snapshot: { ...join, run: { ...join.run, loop: null } } })).toThrow('no loop to join')
  })
})

describe('playbook and workbook', () => {
  test('a child: its input, its own timeout only, the depth', () => {
    const steps = (more = '') => `- {step: a, tool: {kind: playbook, path: p, args: {x: "{{ vars.x }}"}}${more}}`
    const child = (more: string, depth = 0) =>
      prepare({ ...base, snapshot: snapshotOf({ steps: steps(more), vars: { x: 1 }, execution: { depth } }) })
    expect(child('').commands[1]).toEqual({ type: 'start_child', input: { path: 'p', args: { x: 1 } }, timeoutMs: null })
    expect(child(', timeout: 1.5', 1).commands[1]).toMatchObject({ type: 'start_child', timeoutMs: 1500 })
    expect(child('', 2).commands[1]).toMatchObject(failing('STEP_LIMIT', 'CHILD_DEPTH'))
  })

  test("a task's args under the step's own; what it expects must be there", () => {
    const head =
      'workbook: [{name: t, tool: {kind: python, args: {x: 1, y: 2}, code: "def main(x, y): return x"}, assert: {expects: [x, z]}}]\n'
    const run = (args: string) =>
      prepare({ ...base, snapshot: snapshotOf({ head, steps: `- {step: a, tool: {kind: workbook, name: t, args: ${args}}}` }) })
    expect(run('{x: 5, z: 0}').call).toMatchObject({ kind: 'python', input: { args: { x: 5, y: 2, z: 0 } } })
    expect(run('{x: 5}').commands[1]).toMatchObject(failing('TOOL_FAILED', 'expects z'))
  })
})
