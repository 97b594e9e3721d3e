import { buildSchema, execute, parse, print, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { inlineFragments } from '../../src/graphql/inline-fragments.js'
import { createTextPlanner } from '../../src/graphql/plugins/plain-selections.js'
import { stringifyResult } from '../../src/graphql/printer.js'
import { createRandom } from '../support/random.js'

const schema = buildSchema(`
  type Query { node: Node one: One many: [One!]! two: Two }
  interface Node { id: ID! name: String next: Node }
  type One implements Node { id: ID! name: String next: Node one: One size: Int }
  type Two implements Node { id: ID! name: String next: Node label: String ones: [One!]! }
`)

const inlinedText = (query: string) => {
  const document = inlineFragments(schema, parse(query))
  return document && print(document).replaceAll(/\s+/g, ' ')
}

describe('a document with its fragments inlined', () => {
  it.each([
    ['{ ...A } fragment A on Query { one { id } }', '{ one { id } }'],
    ['{ one { ...A name } } fragment A on One { id ...B } fragment B on Node { name size: id }', '{ one { id name size: id } }'],
    ['{ one { id ... { name } ... on One { size } } }', '{ one { id name size } }'],
    ['{ one { id } ...A } fragment A on Query { one { name one { id } } }', '{ one { id name one { id } } }'],
    ['{ a: one { id } one { id } }', '{ a: one { id } one { id } }'],
    ['{ node { ... on One { ...A } id } } fragment A on One { size }', '{ node { ... on One { size } id } }'],
    ['{ one { ...A @skip(if: true) id } } fragment A on One { name }', '{ one { ... on One @skip(if: true) { name } id } }'],
    ['{ two { ...A } } fragment A on Node { id ... on One { size } ... on Two { label } }', '{ two { id label } }'],
    ['{ one { id } one @include(if: true) { name } }', '{ one { id } one @include(if: true) { name } }'],
    [
      'query A { one { ...F } } query B { two { ...G } } fragment F on One { id } fragment G on Two { label }',
      'query A { one { id } } query B { two { label } }',
    ],
  ])('%s', (query, expected) => {
    expect(inlinedText(query)).toBe(expected)
  })

  it('is given up where it would grow long', () => {
    const doubling = Array.from(
      { length: 20 },
      (_, index) => `fragment F${index} on One { ...F${index + 1} one { ...F${index + 1} } }`,
    )
    expect(inlinedText(`{ one { ...F0 } } ${doubling.join(' ')} fragment F20 on One { id }`)).toBeNull()
  })
})

type TypeName = 'Query' | 'Node' | 'One' | 'Two'

const FIELDS: Readonly<Record<TypeName, readonly (readonly [string, TypeName | null])[]>> = {
  Query: [
    ['node', 'Node'],
    ['one', 'One'],
    ['many', 'One'],
    ['two', 'Two'],
  ],
  Node: [
    ['id', null],
    ['name', null],
    ['next', 'Node'],
  ],
  One: [
    ['id', null],
    ['name', null],
    ['size', null],
    ['next', 'Node'],
    ['one', 'One'],
  ],
  Two: [
    ['id', null],
    ['label', null],
    ['next', 'Node'],
    ['ones', 'One'],
  ],
}

const one = (depth: number): object => ({
  __typename: 'One',
  id: `one${depth}`,
  name: depth % 2 ? null : 'n',
  size: depth,
  ...(depth > 0 && { next: two(depth - 1), one: one(depth - 1) }),
})
const two = (depth: number): object => ({
  __typename: 'Two',
  id: `two${depth}`,
  label: 'l',
  ones: [one(depth), one(0)],
  ...(depth > 0 && { next: one(depth - 1) }),
})
const ROOT = { node: two(4), one: one(4), many: [one(3), one(2)], two: two(4) }

/** Random documents with fragments of every kind. */
function createDocuments(random: () => number): () => string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  return () => {
    const fragments: string[] = []
    const directive = (): string =>
      random() < 0.15 ? pick([' @include(if: true)', ' @skip(if: true)', ' @skip(if: false)']) : ''
    function set(type: TypeName, depth: number): string {
      const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => part(type, depth))
      return `{ ${parts.join(' ')} }`
    }
    function part(type: TypeName, depth: number): string {
      const kind = random()
      const condition =
        type === 'Node' ? pick(['Node', 'One', 'Two'] as const) : type === 'Query' || random() < 0.7 ? type : 'Node'
      if (kind < 0.15 && depth > 0) return `... on ${condition}${directive()} ${set(condition, depth - 1)}`
      if (kind < 0.2 && depth > 0) return `...${directive()} ${set(type, depth - 1)}`
      if (kind < 0.4 && depth > 0) {
        const name = `F${fragments.length}`
        fragments.push('')
        fragments[Number(name.slice(1))] = `fragment ${name} on ${condition} ${set(condition, depth - 1)}`
        return `...${name}${directive()}`
      }
      const known = depth > 0 ? FIELDS[type] : FIELDS[type].filter(([, of]) => of === null)
      if (known.length === 0) return '__typename'
      const [name, of] = pick(known)
      const alias = random() < 0.1 ? `x${Math.floor(random() * 3)}: ` : ''
      return `${alias}${name}${directive()}${of === null ? '' : ` ${set(of, depth - 1)}`}`
    }
    const query = set('Query', 5)
    return [query, ...fragments].join(' ')
  }
}

it('300 random documents are answered the same, inlined and planned', async () => {
  const next = createDocuments(createRandom('documents with fragments'))
  const planner = createTextPlanner(schema)
  let tried = 0
  for (let index = 0; tried < 300 && index < 5_000; index += 1) {
    const document = parse(next())
    if (validate(schema, document).length > 0) continue
    tried += 1
    const expected = JSON.stringify(await execute({ schema, document, rootValue: ROOT }))
    const inlined = inlineFragments(schema, document)
    if (inlined === null) continue
    expect(JSON.stringify(await execute({ schema, document: inlined, rootValue: ROOT })), print(document)).toBe(expected)
    const planned = await execute({ schema: planner.schema, document: planner.plan(document), rootValue: ROOT })
    expect(stringifyResult(planned), print(document)).toBe(expected)
  }
  expect(tried).toBe(300)
})
