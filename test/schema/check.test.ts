import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isJsonObject, type JsonObject, type JsonValue, LosslessNumber, parseJson, toJsonNumber } from '../../src/core/json.js'
import { fillDefaults } from '../../src/schema/defaults.js'
import { schemaFaults } from '../../src/schema/faults.js'
import { encodeBlock, encodeSchema } from '../../src/schema/keywords.js'
import { compareNumbers, equalityText, isMultipleOf, isWhole } from '../../src/schema/numbers.js'
import { findEndless } from '../../src/schema/pattern.js'
import { openDocument } from '../../src/schema/validator.js'
import { within } from '../support/pace.js'

async function problems(schema: JsonValue, value: JsonValue): Promise<string[]> {
  const check = await openDocument(encodeSchema(schema)).checkAt('')
  return check(value).map(({ path, keyword, message }) => `${path} ${keyword}: ${message}`)
}

const exact = (text: string) => parseJson(text)

describe('numbers', () => {
  const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
  const decimal = fc.tuple(digits, fc.integer({ min: 0, max: 30 }))
  const textOf = ([value, scale]: [bigint, number]) => {
    const text = String(value < 0n ? -value : value).padStart(scale + 1, '0')
    const point = text.length - scale
    return `${value < 0n ? '-' : ''}${text.slice(0, point)}${scale > 0 ? `.${text.slice(point)}` : ''}`
  }
  const scaled = ([value, scale]: [bigint, number]) => value * 10n ** BigInt(30 - scale)

  it('are compared, taken as equal and divided by all their digits', () => {
    fc.assert(
      fc.property(decimal, decimal, (left, right) => {
        const [a, b] = [toJsonNumber(textOf(left)), toJsonNumber(textOf(right))]
        const order = scaled(left) < scaled(right) ? -1 : Number(scaled(left) > scaled(right))
        expect(Math.sign(compareNumbers(a, b))).toBe(order)
        expect(equalityText(a) === equalityText(b)).toBe(order === 0)
        expect(isWhole(a)).toBe(scaled(left) % 10n ** 30n === 0n)
        if (right[0] > 0n) expect(isMultipleOf(a, b)).toBe(scaled(left) % scaled(right) === 0n)
      }),
      { numRuns: 500 },
    )
  })

  it.each<[string, JsonValue, JsonValue, string[]]>([
    ['300 digits', { maximum: exact('9'.repeat(300)) }, exact('9'.repeat(300)), []],
    [
      'one more',
      { exclusiveMaximum: exact('9'.repeat(300)) },
      exact('9'.repeat(300)),
      [' exclusiveMaximum: must be less than 9'],
    ],
    ['an integer of 300 digits', { type: 'integer' }, exact('1'.repeat(300)), []],
    ['1.0 is an integer', { type: 'integer' }, exact('1.0'), []],
    ['1.5 is none', { type: ['integer', 'null'] }, 1.5, [' type: must be an integer or null']],
    ['no number', { type: 'string' }, exact('1.0'), [' type: must be a string']],
    ['no object', { type: 'object', properties: { value: { type: 'integer' } } }, exact('1.0'), [' type: must be an object']],
    ['0.3 of 0.1', { multipleOf: 0.1 }, 0.3, []],
    ['0.35 of 0.1', { multipleOf: 0.1 }, 0.35, [' multipleOf: must be a multiple of 0.1']],
    ['far apart', { multipleOf: 3 }, exact(`${'1'.repeat(299)}3`), [' multipleOf: must be a multiple of 3']],
    ['the same in other digits', { enum: [exact('1.50')] }, 1.5, []],
    [
      'nearly the same',
      { const: exact('12345678901234567890') },
      exact('12345678901234567891'),
      [' const: must be 12345678901234567890'],
    ],
    ['twice', { uniqueItems: true }, [1, exact('1.0')], [' uniqueItems: must not have the same item twice']],
    ['a length with a fraction of nothing', { maxLength: exact('2.0') }, 'abc', [' maxLength: must have at most 2 characters']],
  ])('%s', async (_name, schema, value, expected) => {
    const found = await problems(schema, value)
    expect(found.map((text, index) => (text.startsWith(expected[index] ?? '-') ? expected[index] : text))).toEqual(expected)
  })
})

describe('what is said of a value', () => {
  it.each<[string, JsonValue, JsonValue, string[]]>([
    ['where', { properties: { 'a/b': { items: { minimum: 2 } } } }, { 'a/b': [2, 1] }, ['/a~1b/1 minimum: must be at least 2']],
    ['each once', { allOf: [{ minimum: 2 }, { minimum: 2 }] }, 1, [' minimum: must be at least 2']],
    [
      'the alternatives',
      { anyOf: [{ type: 'string' }, { minimum: 2 }] },
      1,
      [' anyOf: must fit at least one of the schemas that are given here, and fits none'],
    ],
    [
      'a key too many',
      { properties: { a: true }, additionalProperties: false },
      { a: 1, b: 2 },
      ['/b additionalProperties: is not a key that is allowed here'],
    ],
    ['a bad key', { propertyNames: { maxLength: 2 } }, { abc: 1 }, ['/abc maxLength: must have at most 2 characters']],
    ['what is missing', { required: ['a', 'b', 'toString'] }, { b: 1 }, [' required: lacks "a", "toString"']],
    ['nothing fits', false, 1, [' false: nothing is allowed here']],
    ['names of every object', { properties: { a: true } }, { toString: 1, valueOf: 2 }, []],
  ])('%s', async (_name, schema, value, expected) => expect(await problems(schema, value)).toEqual(expected))

  it('is 20 problems at most', async () => {
    expect(
      await problems(
        { items: { type: 'string' } },
        Array.from({ length: 100 }, (_, index) => index),
      ),
    ).toHaveLength(20)
  })
})

describe('what would take for ever', () => {
  const nested = (depth: number): JsonValue => (depth === 0 ? 1 : { a: nested(depth - 1) })

  it('ends: schemas that double the work at each level', async () => {
    const twice = { allOf: [{ $ref: '#/$defs/x' }, { $ref: '#/$defs/x' }] }
    const began = performance.now()
    const found = await problems({ $ref: '#/$defs/x', $defs: { x: { properties: { a: twice } } } }, nested(60))
    expect(found).toEqual([' : checking this by its schema takes too long: the schema leads to itself too often'])
    expect(performance.now() - began).toBeLessThan(within(20_000))
  })

  it('ends: defaults that hold each other, or add up', () => {
    const block = { $defs: { x: { default: {}, properties: { a: { $ref: '#/$defs/x' }, b: { $ref: '#/$defs/x' } } } } }
    expect(fillDefaults(block, { $ref: '#/$defs/x' }, {})).toMatchObject({ a: { a: {} }, b: {} })
    const large = { items: { properties: { a: { default: 'x'.repeat(100_000) } } } }
    const list = Array.from({ length: 20 }, () => ({}))
    expect(() => fillDefaults({}, large, list)).toThrow(/more than 1048576 bytes/)
  })

  it('is found of patterns, and only of these', async () => {
    const endless = ['^(a+)+$', '(a|a)*b', '^(([a-z])+.)+[A-Z]([a-z])+$', '^(\\w+\\s?)*$', '(x+x+)+y', '^(a*)*$', '^([a-z]+-?)+$']
    const fine = [
      '^https://',
      '^[a-z0-9-]+$',
      '^[a-z]+(-[a-z]+)*$',
      '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$',
      '\\s+$',
      '^(\\d+)(,\\d+)*$',
      '^\\d{4}-\\d\\d$',
    ]
    expect([...(await findEndless([...endless, ...fine]))].sort()).toEqual(endless.sort())
  })
})

describe('any block', () => {
  const leaf = fc.oneof(
    fc.constantFrom<JsonValue>(
      null,
      true,
      false,
      'a',
      '^a',
      '#/$defs/a',
      '#',
      '#b',
      'integer',
      '',
      'toString',
      new LosslessNumber('1.0'),
    ),
    fc.integer({ min: -2, max: 4 }),
  )
  const keys = fc.constantFrom(
    'type',
    'properties',
    'items',
    'allOf',
    'not',
    '$ref',
    '$anchor',
    '$dynamicRef',
    'pattern',
    'minimum',
    'enum',
    'default',
    'a',
    'toString',
  )
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 2 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 3 }),
    ),
  }))
  const mapping = tree.filter(isJsonObject) as fc.Arbitrary<JsonObject>

  it('is refused, or can be checked by', async () => {
    let usable = 0
    await fc.assert(
      fc.asyncProperty(fc.record({ workload: mapping, $defs: fc.record({ a: mapping }) }), tree, async (block, value) => {
        if ((await schemaFaults(block, { isExamined: false })).length > 0) return
        usable += 1
        const check = await openDocument(encodeBlock(block)).checkAt('/workload')
        for (const { path } of check(fillDefaults(block, block.workload, value))) expect(typeof path).toBe('string')
      }),
      { numRuns: 1500 },
    )
    expect(usable).toBeGreaterThan(20)
  })
})
