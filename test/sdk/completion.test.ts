import { expect, it } from 'vitest'
import { toCompletion } from '../../src/sdk/completion.js'
import type { ToolOutcome } from '../../src/tools/tool.js'

/** What somebody's JavaScript may give where the types say otherwise. */
const given = (outcome: unknown) => toCompletion(outcome as ToolOutcome, 'its log')
const cycle: Record<string, unknown> = {}
cycle['self'] = cycle
const NO_OUTCOME =
  "the worker's `run` gave no outcome: it has to give {status: 'success', data} or {status: 'error', error: {code, message}}"

it.each([
  [{ status: 'success', data: { a: 1 } }, { result: { a: 1 } }],
  [{ status: 'success' }, { result: null }],
  [
    { status: 'success', data: 1, extras: { rows: 2 } },
    { result: 1, extras: { rows: 2 } },
  ],
  [
    { status: 'error', error: { code: 'TIMEOUT', message: 'late' }, data: [1] },
    { error: { code: 'TIMEOUT', message: 'late', data: [1] } },
  ],
  [
    { status: 'error', error: { code: 'TOOL_FAILED', message: 'no', details: { sqlstate: '40001' } } },
    { error: { code: 'TOOL_FAILED', message: 'no', details: { sqlstate: '40001' } } },
  ],
])('%j is reported as it is', (outcome, report) => {
  expect(given(outcome)).toEqual({ ...report, log: 'its log' })
})

it.each([
  ['a cycle', { status: 'success', data: cycle }, 'the result is not JSON: result.self contains itself'],
  ['a function', { status: 'success', data: () => 1 }, 'the result is not JSON: result is a function'],
  ['an extra', { status: 'success', data: 1, extras: { at: Number.NaN } }, /^the result is not JSON: extras\.at is NaN/],
  ['extras that are a list', { status: 'success', data: 1, extras: [1] }, 'the result is not JSON: extras is not an object'],
  ['what a failure leaves', failure('mine', cycle), 'mine (what it leaves is not JSON: data.self contains itself)'],
  [
    'details that are a text',
    { status: 'error', error: { code: 'TOOL_FAILED', message: 'mine', details: 'x' } },
    'mine (what it leaves is not JSON: error.details is not an object)',
  ],
  ['an error as message', { status: 'error', error: { code: 'TOOL_FAILED', message: new Error('inner') } }, 'inner'],
  ['nothing', undefined, NO_OUTCOME],
  ['a misspelt status', { status: 'successful', data: 1 }, NO_OUTCOME],
  ['an error without an error', { status: 'error', message: 'x' }, NO_OUTCOME],
  ['a text', 'done', NO_OUTCOME],
])('%s fails the attempt', (_, outcome, message) => {
  const expected = typeof message === 'string' ? message : expect.stringMatching(message)
  expect(given(outcome)).toEqual({ error: { code: 'TOOL_FAILED', message: expected }, log: 'its log' })
})

function failure(message: string, data: unknown): unknown {
  return { status: 'error', error: { code: 'TOOL_FAILED', message }, data }
}
