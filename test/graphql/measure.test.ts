import { getIntrospectionQuery, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { LosslessNumber } from '../../src/core/json.js'
import { schema } from '../../src/graphql/index.js'
import { findOverLimits } from '../../src/graphql/limits.js'
import { measureDocument } from '../../src/graphql/measure.js'

const measure = (query: string, variables = {}) => measureDocument(parse(query), variables)

describe('measureDocument', () => {
  it.each([
    ['{ a }', 1],
    ['{ a { b { c } } }', 3],
    ['{ a { ...F } } fragment F on T { b { c } }', 3],
    ['{ a { ... on T { b } } }', 2],
    ['{ a } query B { a { b { c { d } } } }', 4],
  ])('%s is %i deep', (query, depth) => {
    expect(measure(query).depth).toBe(depth)
  })

  it.each([
    ['{ a b c }', {}, 3],
    ['{ list { totalCount nodes { a b } } }', {}, 1 + 1 + 1 + 50 * 2],
    ['{ list(first: 10) { nodes { a b } } }', {}, 1 + 1 + 10 * 2],
    ['query ($n: Int) { list(first: $n) { edges { node { a } } } }', { n: 250 }, 1 + 1 + 250 * 2],
    ['query ($n: Int) { list(first: $n) { nodes { a } } }', { n: new LosslessNumber('10.0') }, 1 + 1 + 10],
    ['query ($n: Int = 250) { list(first: $n) { nodes { a } } }', {}, 1 + 1 + 250],
    ['query ($n: Int = 250) { list(first: $n) { nodes { a } } }', { n: 3 }, 1 + 1 + 3],
    ['query A($n: Int = 250) { list(first: $n) { nodes { a } } } query B($n: Int = 1) { a }', {}, 1 + 1 + 250],
    ['{ list(first: 4) { ...F } } fragment F on C { nodes { a } }', {}, 1 + 1 + 4],
    ['{ __schema { types { name } } }', {}, 0],
  ])('%s costs %j -> %i', (query, variables, cost) => {
    expect(measure(query, variables).cost).toBe(cost)
  })

  it('counts aliases and directives wherever they are spread', () => {
    const query = '{ a: x ...F b: __typename @skip(if: false) { ...F @include(if: true) } } fragment F on T { c: y @x }'
    expect(measure(query)).toMatchObject({ aliases: 4, directives: 4 })
  })

  it('ends on fragments that spread themselves, and soon on those that double', () => {
    expect(measure('{ ...A } fragment A on T { a { ...B } } fragment B on T { b { ...A } }').depth).toBeGreaterThan(0)
    const doubling = Array.from({ length: 60 }, (_, index) => `fragment F${index} on T { ...F${index + 1} ...F${index + 1} }`)
    expect(measure(`{ ...F0 } ${doubling.join(' ')} fragment F60 on T { a }`).cost).toBe(2 ** 60)
  })
})

describe('findOverLimits', () => {
  it('lets the introspection of every tool pass', () => {
    const document = parse(
      getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, schemaDescription: true, oneOf: true }),
      { maxTokens: 1000 },
    )
    expect(findOverLimits(document, {}, schema)).toEqual([])
  })

  it.each([
    ['depth', `{ ${'a { '.repeat(10)} b ${'} '.repeat(10)} }`],
    ['introspection', `{ __schema { types { fields { type { fields { name } } } } } }`],
    ['introspection', `{ __type(name: "A") { ${'ofType { '.repeat(16)} name ${'} '.repeat(16)} } }`],
    ['aliases', `{ ${Array.from({ length: 16 }, (_, index) => `a${index}: __typename`).join(' ')} }`],
    ['directives', `{ a ${'@skip(if: false) '.repeat(6)} }`],
    ['cost', '{ executions(first: 250) { nodes { variables(first: 250) { nodes { id name } } } } }'],
  ])('refuses too much %s', (word, query) => {
    const errors = findOverLimits(parse(query), {}, schema)
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(word)])
  })
})
