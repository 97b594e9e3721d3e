import { describe, expect, test } from 'vitest'
import { TransientError } from '../../../src/core/errors.js'
import type { JsonObject } from '../../../src/core/json.js'
import { decide } from '../../../src/orchestrator/decide/decide.js'
import { BROKEN, DONE, LIMITS, NOW, snapshotOf } from './snapshots.js'

const PYTHON = 'tool: {kind: python, code: "result = 1"}'
const base = { limits: LIMITS, now: NOW }
const types = (decision: ReturnType<typeof decide>) => decision.commands.map((command) => command.type)

describe('the end of a visit', () => {
  test('vars, routing, and what the next step is given', () => {
    const snapshot = snapshotOf({
      steps: `- {step: a, ${PYTHON}, vars: {x: "{{ result.n }}"}, next: [{step: b, args: {y: "{{ x }}"}}]}\n- step: b`,
    })
    const decision = decide({ ...base, snapshot, outcome: DONE })
    expect(decision.writes).toEqual([{ operation: 'set', name: 'x', value: 1, type: 'step_result', sourceStep: 'a' }])
    expect(decision.commands).toMatchObject([
      { type: 'finish_run', status: 'succeeded', result: { n: 1 }, error: null },
      { type: 'open_visit', step: { name: 'b' }, args: { y: 1 } },
    ])
    expect(decision.events).toMatchObject([{ name: 'step.completed', step: 'a', attempt: 1 }])
  })

  test('the execution is completed only when no branch is alive, and failed at the first unhandled failure', () => {
    const steps = `- {step: a, ${PYTHON}}`
    expect(types(decide({ ...base, snapshot: snapshotOf({ steps }), outcome: DONE }))).toEqual(['finish_run', 'end_execution'])
    const alive = snapshotOf({ steps, more: { otherLiveVisits: 1 } })
    expect(types(decide({ ...base, snapshot: alive, outcome: DONE }))).toEqual(['finish_run'])
    expect(decide({ ...base, snapshot: alive, outcome: BROKEN }).commands.at(-1)).toMatchObject({
      type: 'end_execution',
      status: 'failed',
      error: { code: 'TOOL_FAILED', step: 'a', attempt: 1 },
    })
  })

  test('the step limit counts what is opened', () => {
    const snapshot = snapshotOf({ steps: `- {step: a, next: [a, a]}`, execution: { stepCount: 4 } })
    expect(decide({ ...base, snapshot, outcome: DONE }).commands).toMatchObject([
      { type: 'finish_run', status: 'succeeded' },
      { type: 'end_execution', error: { code: 'STEP_LIMIT', step: 'a' } },
    ])
  })

  test('a failing entry or condition fails a successful step, which keeps its data and extras', () => {
    const entry = snapshotOf({ steps: `- {step: a, vars: {ok: 1, x: "{{ nowhere }}"}}` })
    const outcome = { ...DONE, extras: { status_code: 200 } }
    const decision = decide({ ...base, snapshot: entry, outcome })
    expect(decision.writes).toEqual([])
    expect(decision.commands[0]).toMatchObject({ status: 'failed', result: { n: 1 }, envelope: { status_code: 200 } })
    const when = snapshotOf({ steps: `- {step: a, vars: {ok: 1}, next: [{when: "{{ nowhere }}", step: a}]}` })
    expect(decide({ ...base, snapshot: when, outcome })).toMatchObject({
      writes: [{ name: 'ok' }],
      commands: [{ status: 'failed', error: { code: 'TEMPLATE_UNDEFINED' } }, { type: 'end_execution' }],
    })
  })

  test('a refused change set fails the step; what came before it goes only when it is refused too', () => {
    const snapshot = snapshotOf({ steps: `- {step: a, vars: {x: 1}}` })
    const error = new TransientError('TOO_LARGE', 'x: too large')
    const earlierWrites = [{ operation: 'set', name: 'b', value: 1, type: 'step_result', sourceStep: 'a' }] as const
    const request = { ...base, snapshot, outcome: DONE, earlierWrites }
    const block = decide({ ...request, rejection: { error, dropped: 'block' } })
    expect(block).toMatchObject({ writes: [{ name: 'b' }], commands: [{ error: { code: 'TOO_LARGE' } }, {}] })
    expect(decide({ ...request, rejection: { error, dropped: 'all' } }).writes).toEqual([])
    const failed = decide({ ...request, outcome: BROKEN, rejection: { error, dropped: 'block' } })
    expect(failed).toMatchObject({
      commands: [{ error: { code: 'TOOL_FAILED' } }, {}],
      events: [{ data: { skipped_vars: [{ name: '*' }] } }],
    })
  })

  test('a result over its limit is a failure; an iterator may have ten times as much', () => {
    const data = 'x'.repeat(1024 * 1024)
    const visit = snapshotOf({ steps: `- {step: a, ${PYTHON}}` })
    expect(decide({ ...base, snapshot: visit, outcome: { ...DONE, data } }).commands[0]).toMatchObject({
      status: 'failed',
      result: null,
      error: { code: 'TOOL_FAILED', message: expect.stringContaining('1048576') },
    })
    const join = snapshotOf({ steps: `- {step: a, ${PYTHON}}`, task: { kind: 'join' } })
    expect(decide({ ...base, snapshot: join, outcome: { ...DONE, data } }).commands[0]).toMatchObject({ status: 'succeeded' })
  })

  test('a workbook task returns what it promised', () => {
    const head = `workbook: [{name: t, ${PYTHON}, assert: {returns: [n, m]}}]\n`
    const snapshot = snapshotOf({ head, steps: '- {step: a, tool: {kind: workbook, name: t}}' })
    expect(decide({ ...base, snapshot, outcome: DONE }).commands[0]).toMatchObject({
      error: { message: expect.stringContaining('must return m,') },
    })
    expect(decide({ ...base, snapshot, outcome: { ...DONE, data: [1] } }).commands[0]).toMatchObject({ status: 'failed' })
    expect(decide({ ...base, snapshot, outcome: { ...DONE, data: { n: 1, m: 2 } } }).commands[0]).toMatchObject({
      status: 'succeeded',
    })
  })
})

describe('retry', () => {
  const withRule = (rule: string, attempt = 1, kind = 'python') =>
    snapshotOf({ steps: `- {step: a, ${PYTHON}, retry: {max_attempts: 3, ${rule}}}`, task: { attempt, kind } })
  const outcomeOf = (rule: string, attempt?: number, kind?: string) =>
    decide({ ...base, snapshot: withRule(rule, attempt, kind), outcome: BROKEN }).commands[0]

  test('the first try counts, delays grow up to their maximum, when decides', () => {
    const rule = 'initial_delay: 1, backoff_multiplier: 10, max_delay: 5'
    expect(outcomeOf(rule, 1)).toEqual({ type: 'retry', delayMs: 1000 })
    expect(outcomeOf(rule, 2)).toEqual({ type: 'retry', delayMs: 5000 })
    expect(outcomeOf(rule, 3)).toMatchObject({ type: 'finish_run' })
    expect(outcomeOf('initial_delay: 0', 2)).toEqual({ type: 'retry', delayMs: 0 })
    expect(outcomeOf(`when: "{{ error.code == 'TOOL_FAILED' }}"`)).toMatchObject({ type: 'retry' })
    expect(outcomeOf('when: "{{ this.attempt > 1 }}"')).toMatchObject({ type: 'finish_run' })
    expect(outcomeOf('initial_delay: 0', 1, 'join')).toMatchObject({ type: 'finish_run' })
    expect(outcomeOf('initial_delay: 0', 1, 'iterate')).toMatchObject({ type: 'finish_run' })
  })

  test('its numbers may be templates, which see how the attempt ended', () => {
    const rule = `max_attempts: "{{ workload.tries }}", initial_delay: "{{ this.data.wait }}", backoff_multiplier: "{{ vars.m }}", max_delay: "{{ vars.max }}"`
    const retried = (workload: JsonObject, vars: JsonObject, attempt = 1) => {
      const snapshot = snapshotOf({ steps: `- {step: a, ${PYTHON}, retry: {${rule}}}`, workload, vars, task: { attempt } })
      return decide({ ...base, snapshot, outcome: { ...BROKEN, data: { wait: 0.5 } } }).commands[0]
    }
    const vars = { m: 3, max: '2.5' }
    expect(retried({ tries: 3 }, vars)).toEqual({ type: 'retry', delayMs: 500 })
    expect(retried({ tries: '3' }, vars, 2)).toEqual({ type: 'retry', delayMs: 1500 })
    expect(retried({ tries: 4 }, vars, 3)).toEqual({ type: 'retry', delayMs: 2500 })
    // The last attempt needs no delay.
    expect(retried({ tries: 3 }, {}, 3)).toMatchObject({ type: 'finish_run', error: { code: 'TOOL_FAILED' } })
  })

  test.each<[string, JsonObject, string, string]>([
    [
      'max_attempts: "{{ vars.n }}"',
      { n: 'many' },
      'TEMPLATE_ERROR',
      'max_attempts must be an integer of at least 1, not "many"',
    ],
    ['max_attempts: "{{ vars.n }}"', { n: 0 }, 'TEMPLATE_ERROR', 'max_attempts must be an integer of at least 1, not 0'],
    ['max_attempts: "{{ vars.n }}"', { n: null }, 'TEMPLATE_ERROR', 'not null'],
    ['max_attempts: "{{ vars.n }}"', { n: 2.5 }, 'TEMPLATE_ERROR', 'not 2.5'],
    ['max_attempts: "{{ vars.m }}"', { n: 1 }, 'TEMPLATE_UNDEFINED', 'vars.m is undefined'],
    [
      'max_attempts: 2, initial_delay: "{{ vars.n }}"',
      { n: -1 },
      'TEMPLATE_ERROR',
      'initial_delay must be a number of seconds of at least 0',
    ],
    [
      'max_attempts: 2, backoff_multiplier: "{{ vars.n }}"',
      { n: [] },
      'TEMPLATE_ERROR',
      'backoff_multiplier must be a number of at least 0',
    ],
    [
      'max_attempts: 2, max_delay: "{{ vars.n }}"',
      { n: true },
      'TEMPLATE_ERROR',
      'max_delay must be a number of seconds of at least 0',
    ],
  ])('%s with %j fails the step as %s: %s', (rule, vars, code, message) => {
    const snapshot = snapshotOf({ steps: `- {step: a, ${PYTHON}, retry: {${rule}}}`, vars })
    const [finish] = decide({ ...base, snapshot, outcome: BROKEN }).commands
    expect(finish).toMatchObject({ type: 'finish_run', error: { code, message: expect.stringContaining(message) } })
    expect(finish).toMatchObject({ error: { message: expect.stringContaining('(the attempt failed with TOOL_FAILED: no)') } })
  })

  test('a success, and an end that is final, are not tried again', () => {
    const snapshot = withRule('initial_delay: 0')
    expect(types(decide({ ...base, snapshot, outcome: DONE }))[0]).toBe('finish_run')
    expect(types(decide({ ...base, snapshot, outcome: BROKEN, isFinal: true }))[0]).toBe('finish_run')
  })
})

describe('the end of an iteration', () => {
  const steps = (more = '') =>
    `- {step: a, type: iterator, collection: [1, 2, 3], element: x${more}, task: {${PYTHON}, vars: {seen: "{{ x }} {{ loop.index }} {{ vars.a_index }}"}}}`

  test('state and vars in one change set; the next iteration opens', () => {
    const snapshot = snapshotOf({ steps: steps(), loop: { total: 3 } })
    const decision = decide({ ...base, snapshot, outcome: DONE })
    expect(decision.writes.map((write) => [write.name, 'value' in write ? write.value : null])).toEqual([
      ['a_index', 0],
      ['a_item', 'first'],
      ['a_count', 1],
      ['seen', 'first 1 0'],
    ])
    expect(decision.commands.slice(1)).toMatchObject([
      { type: 'save_loop', run: 1, loop: { done: 1, opened: 2, failed: 0 } },
      { type: 'open_iteration', run: 3 },
    ])
  })

  test('the last one joins; a failure is counted; fail_fast withdraws the rest', () => {
    const last = snapshotOf({ steps: steps(), loop: { total: 2, opened: 2, done: 1 } })
    expect(types(decide({ ...base, snapshot: last, outcome: BROKEN }))).toEqual(['finish_run', 'save_loop', 'join_loop'])
    const fast = snapshotOf({ steps: steps(', fail_fast: true'), loop: { total: 3, opened: 2 } })
    const decision = decide({ ...base, snapshot: fast, outcome: BROKEN })
    expect(types(decision)).toEqual(['finish_run', 'save_loop', 'withdraw_iterations', 'join_loop'])
    expect(decision.commands[1]).toMatchObject({ loop: { failed: 1, stopped: { code: 'TOOL_FAILED' } } })
    const error = new TransientError('TOO_LARGE', 'x')
    expect(decide({ ...base, snapshot: last, outcome: DONE, rejection: { error, dropped: 'all' } }).writes).toEqual([])
  })

  test('an iteration of nothing is a fault of ours', () => {
    const snapshot = snapshotOf({ steps: steps(), loop: {}, more: { parent: null } })
    expect(() => decide({ ...base, snapshot, outcome: DONE })).toThrow('iteration of nothing')
  })
})
