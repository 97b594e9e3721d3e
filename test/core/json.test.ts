import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalNumber,
  isSameJson,
  type JsonValue,
  jsonSize,
  LosslessNumber,
  parseGivenJson,
  parseJson,
  RepeatedKey,
  stringifyJson,
  toJsonNumber,
} from '../../src/core/json.js'

describe('numbers keep every digit', () => {
  test.each([
    ['507861119290048685', '507861119290048685'],
    ['0.1', '0.1'],
    ['1.10', '1.10'],
    ['1e2', '100'],
    ['1.5e-1', '0.15'],
    ['-0', '0'],
    ['-0.0', '0.0'],
    ['12.50e1', '125.0'],
    ['1E-3', '0.001'],
    ['123456789012345678901234567890.123', '123456789012345678901234567890.123'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalNumber(text)).toBe(canonical)
    expect(stringifyJson(parseJson(`{"a":[${text}]}`))).toBe(`{"a":[${canonical}]}`)
  })

  test('a plain number stays a number, a long one keeps its text', () => {
    expect(toJsonNumber('42')).toBe(42)
    expect(toJsonNumber('9007199254740993')).toBeInstanceOf(LosslessNumber)
    expect(canonicalNumber('1e400')).toBe('1e400')
  })

  test.each([5e-324, 2.2e-309, 2.2250738585072014e-308, -Number.MIN_VALUE, Number.MAX_VALUE])(
    'the double %s survives',
    (double) => {
      const canonical = canonicalNumber(String(double))
      expect(canonical).toMatch(/^-?\d+(\.\d+)?$/)
      expect(Number(canonical)).toBe(double)
      expect(stringifyJson(parseJson(`[${double}]`))).toBe(`[${canonical}]`)
    },
  )

  test('what no double holds keeps its exponent, a zero needs none', () => {
    for (const text of ['1.8e308', '-1e309', '2e-324', '1e-400', '1e99999999999999999999'])
      expect(canonicalNumber(text)).toBe(text)
    expect(['0e400', '0.00e1', '-0e-3', '0e999999999'].map(canonicalNumber)).toEqual(['0', '0.0', '0.000', '0'])
  })

  test('any integer and any decimal survives', () => {
    const digits = fc.tuple(fc.bigInt(), fc.nat(30)).map(([integer, scale]) => {
      const text = String(integer < 0n ? -integer : integer).padStart(scale + 1, '0')
      const plain = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`
      return integer < 0n ? `-${plain}` : plain
    })
    fc.assert(fc.property(digits, (text) => stringifyJson(parseJson(`[${text}]`)) === `[${text}]`))
  })
})

test('any JSON survives, its size is that of its compact text, and equality ignores the order of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value)
      if (/-0(?![.\d])|e[+-]?\d|__proto__/.test(text)) return
      expect(stringifyJson(parseJson(text))).toBe(text)
      expect(jsonSize(parseJson(text))).toBe(Buffer.byteLength(text))
      expect(isSameJson(parseJson(text), parseJson(text))).toBe(true)
    }),
  )
  expect(isSameJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true)
  expect(isSameJson(1, new LosslessNumber('1.0'))).toBe(false)
  expect(isSameJson(100, new LosslessNumber('100'))).toBe(true)
  expect(isSameJson(null, {} as JsonValue)).toBe(false)
})

test('a key __proto__ never becomes a prototype', () => {
  expect(Object.keys(parseJson('{"__proto__":1}') as object)).toEqual(['__proto__'])
  for (const text of ['{"__proto__":{"x":1},"a":1.10}', '{"\\u005f_proto__":{"x":1},"a":1.10}']) {
    expect(Object.keys(parseJson(text) as object)).toEqual(['__proto__', 'a'])
  }
  expect(stringifyJson(parseJson('{"a":"__proto__","b":1.10}'))).toBe('{"a":"__proto__","b":1.10}')
})

describe('a key that an object has twice', () => {
  // The same text, with and without what needs a parser of our own.
  const digits = ['1', '1.10', '123456789012345678901234567890', '1e3']

  test.each(digits)('is the last one, beside %s', (number) => {
    const text = `{"n":${number},"a":1,"b":{"k":1,"k":[2]},"a":{"x":1},"a":null}`
    expect(stringifyJson(parseJson(text))).toBe(`{"n":${canonicalNumber(number)},"a":null,"b":{"k":[2]}}`)
  })

  test.each(digits)('is refused of somebody who gave it, beside %s', (number) => {
    for (const [text, key] of [
      [`{"n":${number},"a":1,"a":2}`, 'a'],
      [`{"n":${number},"a":1,"a":1}`, 'a'],
      [`[{"n":${number}},{"o":{"":1,"" :2}}]`, ''],
      [`{"n":${number},"q\\"":1,"q\\u0022":2}`, 'q"'],
      [`{"n":${number},"\\u0061":1,"a"\n:2}`, 'a'],
      [`{"n":${number},"__proto__":1,"__proto__":2}`, '__proto__'],
    ] as const) {
      expect(() => parseGivenJson(text), text).toThrow(RepeatedKey)
      expect(() => parseGivenJson(text)).toThrow(JSON.stringify(key).slice(1, 2))
    }
    for (const text of [
      `{"n":${number},"a":{"a":{"a":1}},"b":{"a":1}}`,
      `[{"a":1},{"a":${number}}]`,
      `{"a":"a\\": ","b":["a","a","b"],"c":"{\\"a\\":1,\\"a\\":2}","n":${number}}`,
    ]) {
      expect(stringifyJson(parseGivenJson(text))).toBe(stringifyJson(parseJson(text)))
    }
  })

  test('a long text costs a moment', () => {
    const long = JSON.stringify({
      text: 'x\\"{}:'.repeat(200_000),
      list: Array.from({ length: 50_000 }, (_, index) => ({ index })),
    })
    expect(parseGivenJson(long)).toEqual(JSON.parse(long))
  })

  test.each(['1', '1.10'])('what is too deep for anything is read all the same, beside %s', (number) => {
    const depth = 100_000
    let value = parseJson(`[${number},${'['.repeat(depth)}${']'.repeat(depth)}]`)
    let levels = 0
    while (Array.isArray(value)) {
      value = value.at(-1) as JsonValue
      levels += 1
    }
    expect(levels).toBe(depth + 1)
  })
})
