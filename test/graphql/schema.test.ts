import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  buildSchema,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  printSchema,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { schema } from '../../src/graphql/index.js'
import { findShared, ROOT } from '../support/paths.js'

const design = findShared('design', 'contract.graphql')

/** `Type.field(argument: T = default): T` of everything that a type has. */
function members(type: GraphQLNamedType): string[] {
  if (isEnumType(type)) return type.getValues().map(({ name }) => `${type.name}.${name}`)
  if (isInputObjectType(type)) {
    return Object.values(type.getFields()).map(
      (field) => `${type.name}.${field.name}: ${field.type} = ${JSON.stringify(field.defaultValue)}`,
    )
  }
  if (isObjectType(type) || isInterfaceType(type)) {
    return Object.values(type.getFields()).flatMap((field) => [
      `${type.name}.${field.name}: ${field.type}`,
      ...field.args.map((argument) => `${type.name}.${field.name}(${argument.name}: ${argument.type})`),
    ])
  }
  return [type.name]
}

function membersOf(all: readonly GraphQLNamedType[]): string[] {
  return all.filter(({ name }) => !name.startsWith('__')).flatMap(members)
}

/** The contract leaves out the connections that look like all others. */
function withConnections(source: string): string {
  const nouns = ['VariableChange', 'Execution', 'Playbook', 'StepRun']
  const connections = nouns.map(
    (noun) => `
      type ${noun}Connection { edges: [${noun}Edge!]! nodes: [${noun}!]! pageInfo: PageInfo! totalCount: Int! }
      type ${noun}Edge { cursor: String! node: ${noun}! }`,
  )
  return source + connections.join('\n')
}

describe('the schema', () => {
  it('is what schema.graphql shows: run `npm run codegen` when it is not', () => {
    expect(readFileSync(join(ROOT, 'schema.graphql'), 'utf8')).toBe(`${printSchema(schema)}\n`)
  })

  it.skipIf(design === null)('has everything of the contract, with the same types and defaults', () => {
    const contract = buildSchema(withConnections(readFileSync(join(design ?? '', 'contract.graphql'), 'utf8')))
    const printed = buildSchema(printSchema(schema))
    const ours = new Set(membersOf(Object.values(printed.getTypeMap())))
    expect(membersOf(Object.values(contract.getTypeMap())).filter((member) => !ours.has(member))).toEqual([])
  })
})
