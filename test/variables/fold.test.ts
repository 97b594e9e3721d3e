import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FoldInput, foldChangeSet } from '../../src/commit/fold.js'
import { addDecimals } from '../../src/commit/operations.js'
import type { VariableRecord, VariableWrite } from '../../src/commit/record.js'
import { isTransientError } from '../../src/core/errors.js'
import { isSameJson, type JsonValue, jsonSize, LosslessNumber, parseJson, stringifyJson } from '../../src/core/json.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const EXECUTION = { id: '507861119290048685', revision: 0, variableCount: 0, variableBytes: 0 }

function fold(writes: readonly VariableWrite[], more: Partial<FoldInput> = {}) {
  return foldChangeSet({
    execution: EXECUTION,
    present: new Map(),
    tombstones: new Map(),
    actor: 'api:test',
    now: NOW,
    keyRing: NO_KEYS,
    writes,
    ...more,
  })
}

function set(name: string, value: JsonValue, expectedVersion?: number): VariableWrite {
  return { operation: 'set', name, value, type: 'user_defined', sourceStep: null, expectedVersion }
}

function increment(name: string, by: string): VariableWrite {
  return { operation: 'increment', name, by, sourceStep: null }
}

function there(name: string, value: JsonValue, more: Partial<VariableRecord> = {}): Map<string, VariableRecord> {
  const times = { createdAt: NOW, updatedAt: NOW, accessedAt: NOW }
  const base = { executionId: EXECUTION.id, name, value, sealed: null, type: 'user_defined', sourceStep: null } as const
  return new Map([[name, { ...base, revision: 1, version: 1, accessCount: 0, ...times, ...more }]])
}

function failure(work: () => unknown) {
  try {
    work()
  } catch (error) {
    if (isTransientError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('foldChangeSet: what is refused', () => {
  it.each(['', '1a', 'a b', 'a.b', '__proto__', 'constructor', 'prototype', 'a'.repeat(256), 'é'])('the name %j', (name) => {
    const error = failure(() => fold([set(name, 1)]))
    expect(error.code).toBe('VALIDATION')
    expect(error.details).toEqual({ field: 'name' })
  })

  it('a name twice in one change set', () => {
    expect(failure(() => fold([set('a', 1), increment('a', '1')])).code).toBe('VALIDATION')
  })

  it.each([
    ['a NUL', 'a\0b'],
    ['half a surrogate pair', '\ud800'],
    ['a NUL in a key', { 'a\0': 1 }],
    ['a forbidden key', { list: [parseJson('{"__proto__": 1}')] }],
    ['a forbidden key beside a lossless number', parseJson('{"__proto__": {"a": 1.10}}')],
    ['a forbidden key', { constructor: 1 } as unknown as JsonValue],
    ['not a number', Number.NaN],
    ['1,001 digits', new LosslessNumber('1'.repeat(1001))],
    ['an exponent beyond 308', new LosslessNumber('1e309')],
    ['more than a double', new LosslessNumber('1.8e308')],
    ['less than a double', new LosslessNumber('-2e-324')],
    ['an exponent without end', new LosslessNumber('0e-999999999')],
    ['nesting', parseJson('['.repeat(600) + ']'.repeat(600))],
  ])('%s in a value', (_, value) => {
    expect(failure(() => fold([set('a', value)])).code).toBe('VALIDATION')
  })

  it('an increment of what is not a number, by what is not a number, or to more than 1,000 digits', () => {
    expect(failure(() => fold([increment('a', '1')], { present: there('a', 'text') })).code).toBe('VALIDATION')
    expect(failure(() => fold([increment('a', 'one')])).code).toBe('VALIDATION')
    const long = new LosslessNumber('9'.repeat(1000))
    expect(failure(() => fold([increment('a', '1')], { present: there('a', long) })).code).toBe('VALIDATION')
  })

  it('a version that differs, with what is there', () => {
    const present = there('a', 7, { version: 3 })
    expect(failure(() => fold([set('a', 8, 2)], { present })).details).toEqual({ name: 'a', currentVersion: 3, currentValue: 7 })
    expect(failure(() => fold([set('a', 8, 0)], { present })).code).toBe('CONFLICT')
    expect(failure(() => fold([set('b', 8, 1)])).details).toEqual({ name: 'b', currentVersion: 0, currentValue: null })
    expect(failure(() => fold([{ operation: 'delete', name: 'b', expectedVersion: 1 }])).code).toBe('CONFLICT')
    expect(failure(() => fold([set('a', 8, -1)], { present })).code).toBe('VALIDATION')
  })

  it('a value over 256 KiB, by its UTF-8 length', () => {
    expect(fold([set('a', 'x'.repeat(256 * 1024 - 2))]).variableBytes).toBe(256 * 1024)
    const error = failure(() => fold([set('a', 'é'.repeat(128 * 1024))]))
    expect(error.code).toBe('TOO_LARGE')
    expect(error.details).toEqual({ limit: 262144, size: 262146, variable: 'a' })
  })

  it('an execution over 10 MiB or 10,000 variables; a delete in the same change set makes room', () => {
    const full = { ...EXECUTION, variableCount: 10_000, variableBytes: 10 * 1024 * 1024 }
    expect(failure(() => fold([set('b', 1)], { execution: full })).details).toEqual({
      limit: 10_000,
      size: 10_001,
      variable: 'b',
    })
    const present = there('a', 1)
    expect(fold([set('b', 1), { operation: 'delete', name: 'a' }], { execution: full, present }).variableCount).toBe(10_000)
    expect(failure(() => fold([set('a', 12)], { execution: full, present })).details['size']).toBe(10 * 1024 * 1024 + 1)
  })
})

describe('foldChangeSet: what is written', () => {
  it('nothing where value, type and source step are so already', () => {
    const present = there('a', { x: new LosslessNumber('1.10'), y: [1] })
    const result = fold([set('a', { y: [1], x: new LosslessNumber('1.10') })], {
      present,
      execution: { ...EXECUTION, revision: 4 },
    })
    expect(result).toMatchObject({ revision: 4, changes: [], outcomes: [{ isChanged: false }] })
    expect(fold([set('a', { y: [1], x: new LosslessNumber('1.1') })], { present }).changes).toHaveLength(1)
    expect(fold([increment('b', '0')], { present: there('b', new LosslessNumber('1.10')) }).changes).toHaveLength(0)
  })

  it('1 and 1.0 differ, 1e2 and 100 do not', () => {
    expect(fold([set('a', new LosslessNumber('1.0'))], { present: there('a', 1) }).changes).toHaveLength(1)
    expect(fold([set('a', new LosslessNumber('1e2'))], { present: there('a', 100) }).changes).toHaveLength(0)
  })

  it('numbers in the form that the database gives back', () => {
    const value = fold([set('a', [new LosslessNumber('1.0e2'), 1e21, -0])]).outcomes[0]?.variable?.value
    expect(stringifyJson(value as JsonValue)).toBe('[100,1000000000000000000000,0]')
  })

  it('versions that go on after a delete, which counts too', () => {
    const deleted = fold([{ operation: 'delete', name: 'a' }], { present: there('a', 1, { version: 5 }) })
    expect(deleted.changes[0]).toMatchObject({ operation: 'delete', version: 6, value: null, previousValue: 1 })
    const again = fold([set('a', 2, 0)], { tombstones: new Map([['a', 6]]) })
    expect(again.outcomes[0]?.variable).toMatchObject({ version: 7, accessCount: 0, createdAt: NOW })
  })

  it('an increment keeps the type, replaces the source step, and creates from 0', () => {
    const present = there('a', new LosslessNumber('507861119290048685123'), {
      type: 'computed',
      sourceStep: 'old',
      accessCount: 4,
    })
    const [outcome] = fold([{ operation: 'increment', name: 'a', by: '0.10', sourceStep: 'new' }], { present }).outcomes
    expect(outcome?.variable).toMatchObject({ type: 'computed', sourceStep: 'new', accessCount: 4, accessedAt: NOW })
    expect(stringifyJson(outcome?.variable?.value as JsonValue)).toBe('507861119290048685123.10')
    expect(fold([increment('b', '2')]).outcomes[0]?.variable).toMatchObject({ value: 2, type: 'user_defined', version: 1 })
  })

  it('adds like whole numbers of the smallest digit', () => {
    const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(12))
    fc.assert(
      fc.property(decimal, decimal, ([a, aScale], [b, bScale]) => {
        const scale = Math.max(aScale, bScale)
        const sum = a * 10n ** BigInt(scale - aScale) + b * 10n ** BigInt(scale - bScale)
        return (
          addDecimals(decimalText(a, aScale), decimalText(b, bScale)).replace('-0.', '0.') ===
          decimalText(sum, scale).replace('-0.', '0.')
        )
      }),
    )
  })
})

function decimalText(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return units < 0n ? `-${text}` : text
}

interface ModelState {
  readonly value: JsonValue
  readonly version: number
}

const names = fc.constantFrom('a', 'b', 'c', 'd')
const values = fc.constantFrom<JsonValue>(0, 1, new LosslessNumber('1.0'), 'x', null, [1], { k: 1 })
const write = fc.oneof(
  fc.record({
    operation: fc.constant('set' as const),
    name: names,
    value: values,
    expectedVersion: fc.option(fc.nat(3), { nil: undefined }),
  }),
  fc.record({ operation: fc.constant('increment' as const), name: names, by: fc.constantFrom('0', '1', '-0.5') }),
  fc.record({ operation: fc.constant('append' as const), name: names, value: values }),
  fc.record({
    operation: fc.constant('delete' as const),
    name: names,
    expectedVersion: fc.option(fc.nat(3), { nil: undefined }),
  }),
)

describe('foldChangeSet against a naive model', () => {
  it('any run of change sets ends where the model does, with every counter right', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(write, { selector: (one) => one.name, minLength: 1, maxLength: 4 }), { maxLength: 30 }),
        (sets) => {
          const model = new Map<string, ModelState>()
          const live = new Map<string, VariableRecord>()
          const tombstones = new Map<string, number>()
          const versions = new Map<string, number>()
          let execution = EXECUTION
          for (const writes of sets) {
            const expected = runModel(model, versions, writes as VariableWrite[])
            let result: ReturnType<typeof foldChangeSet>
            try {
              result = fold(
                writes.map((one) => ({ type: 'user_defined', sourceStep: null, ...one }) as VariableWrite),
                {
                  execution,
                  present: live,
                  tombstones,
                },
              )
            } catch (error) {
              expect(isTransientError(error)).toBe(true)
              expect(expected).toBeNull()
              continue
            }
            expect(expected).not.toBeNull()
            expect(result.revision - execution.revision).toBe(result.changes.length > 0 ? 1 : 0)
            expect(result.changes.map((change) => change.seq)).toEqual(result.changes.map((_, index) => index + 1))
            for (const change of result.changes) {
              const outcome = result.outcomes.find(({ name }) => name === change.name)
              if (outcome?.variable) live.set(change.name, outcome.variable)
              else {
                live.delete(change.name)
                tombstones.set(change.name, change.version)
              }
            }
            execution = { ...execution, ...result }
            for (const [name, state] of expected ?? []) model.set(name, state)
            for (const name of [...model.keys()]) if (!expected?.has(name)) model.delete(name)
            for (const change of result.changes) versions.set(change.name, change.version)
          }
          expect([...live.keys()].sort()).toEqual([...model.keys()].sort())
          for (const [name, state] of model) {
            expect(isSameJson(live.get(name)?.value as JsonValue, state.value)).toBe(true)
            expect(live.get(name)?.version).toBe(state.version)
          }
          expect(execution.variableCount).toBe(model.size)
          expect(execution.variableBytes).toBe([...model.values()].reduce((sum, { value }) => sum + jsonSize(value), 0))
        },
      ),
    )
  })
})

/** The state after one change set, or null where it must be refused. */
function runModel(
  before: ReadonlyMap<string, ModelState>,
  versions: ReadonlyMap<string, number>,
  writes: readonly VariableWrite[],
): Map<string, ModelState> | null {
  const after = new Map(before)
  for (const one of writes) {
    const current = before.get(one.name)
    const nextVersion = (versions.get(one.name) ?? 0) + 1
    const expected = 'expectedVersion' in one ? one.expectedVersion : undefined
    if (expected !== undefined && expected !== (current?.version ?? 0)) return null
    if (one.operation === 'delete') after.delete(one.name)
    else {
      const value = naiveValue(one, current)
      if (value === undefined) return null
      if (current === undefined || !isSameJson(current.value, value)) after.set(one.name, { value, version: nextVersion })
    }
  }
  return after
}

function naiveValue(
  one: Exclude<VariableWrite, { operation: 'delete' }>,
  current: ModelState | undefined,
): JsonValue | undefined {
  if (one.operation === 'set') return one.value
  if (one.operation === 'increment') return naiveSum(current?.value ?? null, current !== undefined, one.by)
  if (current === undefined) return [one.value]
  return Array.isArray(current.value) ? [...current.value, one.value] : undefined
}

function naiveSum(value: JsonValue, isThere: boolean, by: string): JsonValue | undefined {
  const text = isThere ? stringifyJson(value) : '0'
  if (!/^-?[\d.]+$/.test(text)) return undefined
  const scale = Math.max(text.split('.')[1]?.length ?? 0, by.split('.')[1]?.length ?? 0)
  return parseJson((Number(text) + Number(by)).toFixed(scale))
}
