import {
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
} from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schema } from '../../src/graphql/index.js'
import { inputCosts } from '../../src/graphql/input-cost.js'
import { findOverLimits } from '../../src/graphql/limits.js'
import { measureDocument } from '../../src/graphql/measure.js'
import { codesOf, type InProcessServer, startInProcess } from './server.js'

/** More than any list may have. */
const TOO_MANY = 10_001

interface Input {
  readonly operation: 'query' | 'mutation' | 'subscription'
  readonly field: string
  readonly argument: string
  readonly type: GraphQLInputType
  /** Fields of input objects that lead to the list; [] for the argument itself. */
  readonly path: readonly string[]
}

function bare(type: GraphQLInputType): GraphQLInputType {
  return isNonNullType(type) ? type.ofType : type
}

/** Where the lists of an input type are. */
function listsOf(type: GraphQLInputType, path: readonly string[] = []): string[][] {
  const given = bare(type)
  if (isListType(given)) return [[...path], ...listsOf(given.ofType, [...path, '*'])]
  if (!isInputObjectType(given)) return []
  return Object.values(given.getFields()).flatMap((field) => listsOf(field.type, [...path, field.name]))
}

/** A value of the type: what is required, and the list of that length at the path. */
function sampleOf(type: GraphQLInputType, path: readonly string[] | null, length: number): unknown {
  const given = bare(type)
  const [next, ...rest] = path ?? []
  if (isListType(given)) {
    if (path === null || path.length > 0) return [sampleOf(given.ofType, path === null ? null : rest, length)]
    return Array.from({ length }, () => sampleOf(given.ofType, null, length))
  }
  if (!isInputObjectType(given)) return isEnumType(given) ? given.getValues()[0]?.name : scalarOf(getNamedType(given).name)
  const fields = Object.values(given.getFields()).filter(
    (field) => isNonNullType(field.type) || [next, 'value', 'executionId'].includes(field.name),
  )
  return Object.fromEntries(fields.map((field) => [field.name, sampleOf(field.type, field.name === next ? rest : null, length)]))
}

function scalarOf(name: string): unknown {
  return { ID: '7', String: 'a', Int: 1, Float: 1, Boolean: true, DateTime: '2026-01-01T00:00:00Z', Revision: 1, JSON: 1 }[name]
}

const inputs: Input[] = (['query', 'mutation', 'subscription'] as const).flatMap((operation) => {
  const root = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }
  return Object.values(root[operation]?.getFields() ?? {}).flatMap((field) =>
    field.args.flatMap(({ name: argument, type }) =>
      listsOf(type).map((path): Input => ({ operation, field: field.name, argument, type, path })),
    ),
  )
})

function request(
  { operation, field, argument, type, path }: Input,
  length: number,
): { query: string; variables: Record<string, unknown> } {
  const known = schema.getRootType(operation as never)?.getFields()[field]
  const others = (known?.args ?? []).filter(
    ({ name, type: other }) => name !== argument && (isNonNullType(other) || name === 'executionId'),
  )
  const declared = [`$list: ${type}`, ...others.map(({ name, type: other }) => `$${name}: ${other}`)].join(', ')
  const given = [`${argument}: $list`, ...others.map(({ name }) => `${name}: $${name}`)].join(', ')
  const selection = known && isObjectType(getNamedType(known.type)) ? '{ __typename }' : ''
  return {
    query: `${operation} (${declared}) { ${field}(${given}) ${selection} }`,
    variables: {
      list: sampleOf(type, path, length),
      ...Object.fromEntries(others.map(({ name, type: other }) => [name, sampleOf(other, null, length)])),
    },
  }
}

const shown = ({ field, argument, path }: Input) => `${field}(${[argument, ...path].join('.')})`

describe('every list in an input', () => {
  let server: InProcessServer
  beforeAll(async () => {
    server = await startInProcess()
  })
  afterAll(() => server?.close())

  it('is found', () => {
    expect(inputs.map(shown)).toContain('executions(filter.variables)')
    expect(inputs.map(shown)).toContain('executionsChanged(filter.variables.*.name.in)')
    expect(inputs.map(shown)).toContain('upsertVariables(input.variables)')
    expect(inputs.map(shown)).toContain('variableChanged(names)')
  })

  it.each(inputs.map((input) => [shown(input), input] as const))('%s has an end', async (_name, input) => {
    const answer = await server.post(JSON.stringify(request(input, TOO_MANY)), { accept: 'application/json, text/event-stream' })
    const [data = ''] = /(?<=^data: ).*$/m.exec(answer.text) ?? []
    const { errors } = (data === '' ? answer : JSON.parse(data)) as typeof answer
    expect(codesOf({ ...answer, errors })).toEqual(['VALIDATION'])
    expect(errors[0]?.message).toContain(`${TOO_MANY} items`)
  })

  it.each(inputs.map((input) => [shown(input), input] as const))('%s counts in the cost', (_name, input) => {
    const cost = (length: number): number => {
      const { query, variables } = request(input, length)
      const document = parse(query)
      return measureDocument(document, {}, (given) => inputCosts(schema, document, { ...given, ...variables })).cost
    }
    expect(cost(251) - cost(1)).toBeGreaterThanOrEqual(250)
  })

  it('counts the same written into the document, and as a default', () => {
    const cost = (query: string, variables = {}) => {
      const document = parse(query)
      return measureDocument(document, variables, (given) => inputCosts(schema, document, given)).cost
    }
    const list = '[{ name: { in: ["a", "b", "c"] } }, { name: { eq: "d" } }]'
    const written = cost(`{ executions(filter: { variables: ${list} }) { totalCount } }`)
    // Two fields, two items and what each of them is worth, three texts.
    expect(written).toBe(2 + 2 * (1 + 50) + 3)
    const asDefault = `query ($f: ExecutionFilter = { variables: ${list} }) { executions(filter: $f) { totalCount } }`
    expect(cost(asDefault)).toBe(written)
    expect(cost(asDefault, { f: null })).toBe(2)
    // What is a list to JSON alone is a value, whose size has a limit of its own.
    const value = Array.from({ length: 1_000 }, () => 1)
    const upsert = 'mutation ($v: JSON) { upsertVariable(input: { executionId: "7", name: "a", value: $v }) { revision } }'
    expect(cost(upsert, { v: value })).toBe(2)
  })

  it('refuses many long lists under aliases', () => {
    const one = Array.from({ length: 20 }, () => '{ name: { eq: "x" } }').join(' ')
    const fields = Array.from({ length: 15 }, (_, index) => `a${index}: executions(filter: $f, first: 250) { nodes { ...N } }`)
    const query = `query ($f: ExecutionFilter = { variables: [${one}] }) { ${fields.join(' ')} } fragment N on Execution { ${'id '.repeat(24)} }`
    const [error] = findOverLimits(parse(query), {}, schema)
    expect(error?.message).toContain('The cost of the operation')
  })

  it('takes 20 filters on variables, and no more', async () => {
    const ask = (count: number) => {
      const variables = Array.from({ length: count }, () => ({ name: { eq: 'x' } }))
      return server.post(
        JSON.stringify({
          query: 'query ($filter: ExecutionFilter) { executions(filter: $filter) { totalCount } }',
          variables: { filter: { variables } },
        }),
      )
    }
    expect((await ask(20)).data).toEqual({ executions: { totalCount: 0 } })
    for (const count of [21, 60, 400, 3_000]) {
      const answer = await ask(count)
      expect(codesOf(answer)).toEqual(['VALIDATION'])
      expect(answer.errors[0]).toMatchObject({
        message: `filter.variables: has ${count} items, at most 20 are possible`,
        extensions: { field: 'filter.variables' },
      })
    }
  })
})
