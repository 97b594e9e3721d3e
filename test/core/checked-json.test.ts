import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { NotJsonError, toCheckedJson } from '../../src/core/checked-json.js'
import { LosslessNumber, stringifyJson } from '../../src/core/json.js'

class Point {
  x = 1
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

function cyclic(): unknown {
  const inner: Record<string, unknown> = {}
  const list = [1, inner]
  inner['back to'] = { list }
  return { list }
}

it.each([
  ['a cycle', cyclic(), 'result.list[1]["back to"].list contains itself'],
  ['a function', { a: [() => 1] }, 'result.a[0] is a function'],
  ['a symbol', { a: Symbol('x') }, 'result.a is a symbol'],
  ['undefined in a list', [1, undefined], 'result[1] is undefined'],
  ['a hole of a list', new Array(2), 'result[0] is undefined'],
  ['a BigInt', { n: 10n }, 'result.n is a BigInt'],
  ['NaN', { n: Number.NaN }, 'result.n is NaN'],
  ['infinity', [Number.NEGATIVE_INFINITY], 'result[0] is -Infinity'],
  ['a date', { at: new Date(0) }, 'result.at is of class Date'],
  ['a Map', { a: new Map() }, 'result.a is of class Map'],
  ['a Set', new Set([1]), 'result is of class Set'],
  ['bytes', { a: Buffer.from('x') }, 'result.a is of class Buffer'],
  ['an error', new Error('x'), 'result is of class Error'],
  ['a promise', { a: Promise.resolve(1) }, 'result.a is of class Promise'],
  ['a class of its own', new Point(), 'result is of class Point'],
  ['a date of another realm', runInNewContext('new Date(0)'), 'result is of class Date'],
  ['a form of its own that throws', { toJSON: () => 1 }, 'result.toJSON is a function'],
  [
    'a getter that throws',
    {
      get a(): never {
        throw new Error('not now')
      },
    },
    'result.a cannot be read: not now',
  ],
  ['a revoked proxy', revoked(), 'result cannot be read'],
  ['501 levels', nested(502), 'is nested more than 500 levels deep'],
  ['100,000 levels', deep(100_000), 'is nested more than 500 levels deep'],
])('%s is not JSON, and the message says where', (_, value, message) => {
  expect(() => toCheckedJson(value, 'result')).toThrow(NotJsonError)
  expect(() => toCheckedJson(value, 'result')).toThrow(message)
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Too deep for any recursion. */
function deep(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = { a: value }
  return value
}

it.each([
  [{ a: [1, 'x', null, true, { b: -1.5 }] }, '{"a":[1,"x",null,true,{"b":-1.5}]}'],
  [{ a: undefined, b: 1 }, '{"b":1}'],
  [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  [runInNewContext('({a: [1]})'), '{"a":[1]}'],
  [{ n: new LosslessNumber('123456789012345678901234567890.10') }, '{"n":123456789012345678901234567890.10}'],
  [JSON.parse('{"__proto__": 1}'), '{"__proto__":1}'],
  [sharedTwice(), '[{"a":1},{"a":1}]'],
  [nested(500), `${'['.repeat(500)}1${']'.repeat(500)}`],
])('%j stays what it is', (value, text) => {
  expect(stringifyJson(toCheckedJson(value, 'result'))).toBe(text)
})

/** The same object beside itself is not a cycle. */
function sharedTwice(): unknown {
  const shared = { a: 1 }
  return [shared, shared]
}
