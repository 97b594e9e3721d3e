import { expect, test } from 'vitest'
import { retryDelayMs } from '../../src/core/backoff.js'
import { counterPart, encodeCursor, pageSize, readCursor, textPart } from '../../src/core/cursor.js'
import { createSnowflake, parseExecutionId } from '../../src/core/ids.js'
import { parseTime } from '../../src/core/time.js'

test('ids are unique and rise, also when the clock stands still or steps back', () => {
  const times = [1_800_000_000_000, 1_800_000_000_000, 1_799_999_999_000, 1_800_000_000_001]
  let index = 0
  const mint = createSnowflake({ machine: 1023, clock: { now: () => new Date(times[index++ % times.length] ?? 0) } })
  const ids = Array.from({ length: 10_000 }, mint).map(BigInt)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id, position) => position === 0 || id > (ids[position - 1] ?? 0n))).toBe(true)
  expect(ids.every((id) => id < 2n ** 63n && ((id >> 12n) & 1023n) === 1023n)).toBe(true)
})

test('two machines never mint the same id', () => {
  const clock = { now: () => new Date(1_800_000_000_000) }
  const [one, two] = [createSnowflake({ machine: 1, clock }), createSnowflake({ machine: 2, clock })]
  const first = new Set(Array.from({ length: 5000 }, one))
  expect(Array.from({ length: 5000 }, two).some((id) => first.has(id))).toBe(false)
})

test.each(['0', '01', '-1', '1.5', 'abc', '', '9223372036854775808', '99999999999999999999', '1e5', ' 1'])(
  'the id "%s" is refused',
  (text) => {
    expect(() => parseExecutionId(text)).toThrow(/executionId/)
  },
)

test('ids from 1 to 2^63-1 are accepted', () => {
  expect(parseExecutionId('1')).toBe('1')
  expect(parseExecutionId('507861119290048685')).toBe('507861119290048685')
  expect(parseExecutionId('9223372036854775807')).toBe('9223372036854775807')
})

test('cursors come back as they were, and others are refused', () => {
  const parts = [textPart, counterPart()]
  expect(readCursor(encodeCursor(['a', '2']), parts)).toEqual(['a', '2'])
  expect(readCursor(null, parts)).toBeNull()
  const others = [
    ['a'],
    ['a', 'b'],
    ['a', '-1'],
    ['a', '01'],
    ['a', String(2n ** 63n)],
    ['\0', '1'],
    ['\ud800', '1'],
    ['a', '1', '2'],
  ]
  for (const bad of ['', 'x', ...others.map(encodeCursor), Buffer.from('["a",2]').toString('base64url')]) {
    expect(() => readCursor(bad, parts), bad).toThrow(/cursor/)
  }
})

test.each([
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31t12:00z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31 12:00:00.123456+00', '2026-01-31T12:00:00.123Z'],
  ['2026-01-31T12:00:00+0530', '2026-01-31T06:30:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
])('%s is a moment', (text, iso) => {
  expect(parseTime(text)?.toISOString()).toBe(iso)
})

test.each([
  '2026-02-30',
  '2025-02-29T00:00:00Z',
  '2026-04-31T00:00:00.000000Z',
  '2026-13-01',
  '2026-00-10',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:60Z',
  '2026-01-31T12:00:60Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  '2026-01-31T12:00:00+99:00',
  '2026-1-31',
  '2026',
  'yesterday',
  '2026-01-31T',
  '1e3',
  '',
])('%s is none', (text) => {
  expect(parseTime(text)).toBeNull()
})

test('pages have 0 to 250 items', () => {
  expect([pageSize(null), pageSize(0), pageSize(250)]).toEqual([50, 0, 250])
  for (const bad of [-1, 251, 1.5]) expect(() => pageSize(bad)).toThrow(/page size/)
})

test('the delay grows to its bound', () => {
  const policy = { maxAttempts: 9, initialDelayMs: 1000, backoffMultiplier: 2, maxDelayMs: 5000 }
  expect([1, 2, 3, 4, 9].map((attempt) => retryDelayMs(policy, attempt))).toEqual([1000, 2000, 4000, 5000, 5000])
})
