import { expect, test } from 'vitest'
import type { JsonValue } from '../../../src/core/json.js'
import { joinLoop, planLoop } from '../../../src/orchestrator/decide/iterate.js'
import { snapshotOf } from './snapshots.js'

/** The plan of a loop over `workload.items` with these options. */
function planned(options: string, items: JsonValue, vars = {}) {
  const steps = `- {step: a, loop: {in: "{{ workload.items }}", iterator: x${options}}, tool: {kind: python, code: "1"}}`
  const snapshot = snapshotOf({ steps, workload: { items }, vars })
  if (!snapshot.step.loop) throw new Error('no loop')
  return planLoop(snapshot, snapshot.step.loop)
}

const long = (digits: string) => JSON.parse(digits) as number

test.each<[string, JsonValue, JsonValue]>([
  ['', [3, 1, 2], [3, 1, 2]],
  [', where: "x > 1"', [3, 1, 2], [3, 2]],
  [', where: "{{ loop.index0 > 0 and loop.index < 3 }}"', [3, 1, 2], [1]],
  [', order_by: x', [3, 1, 2], [1, 2, 3]],
  [
    ', order_by: "-{{ x.p }}"',
    [
      { p: 1, n: 1 },
      { p: 2, n: 2 },
      { p: 1, n: 3 },
    ],
    [
      { p: 2, n: 2 },
      { p: 1, n: 1 },
      { p: 1, n: 3 },
    ],
  ],
  [', order_by: x', ['b', 'a', 'a'], ['a', 'a', 'b']],
  [', order_by: x', [true, false], [false, true]],
  [', limit: 0', [1], []],
  [', limit: "{{ vars.n }}", order_by: -x', [1, 2, 3], [3, 2]],
  [', chunk: 2', [1, 2, 3], [[1, 2], [3]]],
  [', enumerate: true', ['a'], [{ index: 0, item: 'a' }]],
  [
    ', where: "x != 2", order_by: -x, limit: 3, chunk: 2, enumerate: true',
    [1, 2, 3, 4, 5],
    [
      { index: 0, item: [5, 4] },
      { index: 1, item: [3] },
    ],
  ],
])('%s of %j', (options, items, expected) => {
  expect(planned(options, items, { n: 2 }).items).toEqual(expected)
})

test('how many run at once', () => {
  expect(planned('', [1, 2, 3]).loop).toMatchObject({ total: 3, concurrency: 1, opened: 1, firstRun: 2 })
  expect(planned(', mode: async', Array(20).fill(1)).loop).toMatchObject({ concurrency: 8, opened: 8 })
  expect(planned(', mode: parallel, concurrency: "{{ vars.n }}"', [1, 2], { n: 5 }).loop).toMatchObject({
    concurrency: 5,
    opened: 2,
  })
})

test.each<[string, JsonValue, string]>([
  ['', null, 'is null, not a list'],
  ['', 5, 'is a number, not a list'],
  ['', long('12345678901234567890'), 'is a number, not a list'],
  ['', { a: 1 }, 'is an object, not a list'],
  ['', 'abc', 'is a string, not a list'],
  ['', ['x'.repeat(256 * 1024 - 1)], 'the limit of a value is 262144'],
  ['', Array(45).fill('x'.repeat(250_000)), 'the limit is 10485760'],
  ['', ['\u0000'], 'cannot be stored'],
  [', limit: "{{ 1.5 }}"', [1], 'limit must be an integer of at least 0'],
  [', chunk: "{{ 0 }}"', [1], 'chunk must be an integer of at least 1'],
  [', mode: async, concurrency: "{{ \'3\' }}"', [1], 'concurrency must be'],
  [', order_by: x', [1, 'a'], 'only among their kind'],
  [', order_by: x.p', [{ p: 1 }, {}], 'undefined'],
  [', where: "{{ nowhere }}"', [1], 'nowhere'],
])('refused: %s of an unfit list', (options, items, message) => {
  expect(() => planned(options, items)).toThrow(message)
})

test('an element of just the limit is accepted', () => {
  expect(planned('', ['x'.repeat(256 * 1024 - 2)]).items).toHaveLength(1)
})

test('joining: of thousands that failed the first hundred are named, none of them at length; all are counted', () => {
  const loop = { total: 5000, firstRun: 2, concurrency: 1, opened: 5000, done: 5000, failed: 5000, stopped: null }
  const error = { code: 'TOOL_FAILED', message: 'x'.repeat(100_000), step: 'a', attempt: 1 } as const
  const results = Array.from({ length: 5000 }, () => ({ status: 'failed', result: null, error, isSensitive: false }) as const)
  const { extras } = joinLoop(results, loop)
  expect(extras['stats']).toEqual({ total: 5000, success: 0, failed: 5000 })
  expect(extras['errors']).toHaveLength(100)
  expect(JSON.stringify(extras).length).toBeLessThan(150_000)
})

test('joining: the order of the input, null for what failed or never ran, statistics', () => {
  const loop = { total: 3, firstRun: 2, concurrency: 1, opened: 3, done: 2, failed: 1, stopped: null }
  const error = { code: 'TOOL_FAILED', message: 'no', step: 'a', attempt: 2 } as const
  const results = [
    { status: 'succeeded', result: 1, error: null, isSensitive: false },
    { status: 'failed', result: 'partial', error, isSensitive: false },
    { status: 'skipped', result: null, error: null, isSensitive: false },
  ] as const
  const joined = joinLoop(results, loop)
  expect(joined).toMatchObject({ status: 'success', data: [1, null, null] })
  expect(joined.extras).toEqual({
    stats: { total: 3, success: 1, failed: 1 },
    errors: [{ index: 1, error: { code: 'TOOL_FAILED', message: 'no' } }],
  })
  expect(joinLoop(results, { ...loop, stopped: error })).toMatchObject({
    status: 'error',
    error: { message: 'no' },
    data: [1, null, null],
  })
})
