import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  buildSchema,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { ROOT } from '../support/paths.js'

const schema = buildSchema(readFileSync(join(ROOT, 'schema.graphql'), 'utf8'))
/** Elements of a page by how deep it lies: for one execution, and for lists of them. As much as the limit of the cost allows. */
const PAGES = { one: [100, 100, 10, 5], many: [20, 15, 4, 2] } as const
const DEPTH = 3

type Pages = (typeof PAGES)[keyof typeof PAGES]

/** The names of the fields that one may ask for. */
export function rootFields(kind: 'query' | 'subscription'): string[] {
  return Object.keys(rootOf(kind))
}

/** A root field with everything beneath it, so that a field that is added later is looked at, too. */
export function everythingOf(kind: 'query' | 'subscription', name: string, given = ''): string {
  const field = rootOf(kind)[name]
  if (field === undefined) throw new Error(`the schema has no ${kind} ${name}`)
  const isList = getNamedType(field.type).name === 'ExecutionConnection'
  return `${kind} { ${fieldText(field, { given, above: [], pages: isList ? PAGES.many : PAGES.one })} }`
}

function rootOf(kind: 'query' | 'subscription') {
  return (kind === 'query' ? schema.getQueryType() : schema.getSubscriptionType())?.getFields() ?? {}
}

type Field = GraphQLField<unknown, unknown>

interface Placed {
  readonly given: string
  /** The types that it stands in. */
  readonly above: readonly string[]
  readonly pages: Pages
}

function fieldText(field: Field, { given, above, pages }: Placed): string {
  const isPaged = field.args.some(({ name }) => name === 'first')
  const args = [given, isPaged ? `first: ${pages[above.length] ?? 1}` : ''].filter((text) => text !== '').join(', ')
  return `${field.name}${args === '' ? '' : `(${args})`}${selectionOf(getNamedType(field.type), above, pages)}`
}

function selectionOf(type: GraphQLNamedType, above: readonly string[], pages: Pages): string {
  if (isAbstractType(type)) {
    // A playbook's steps are of another type than an execution's, and may not stand beside them; it has a query of its own.
    const types = schema.getPossibleTypes(type).filter(({ name }) => name !== 'Playbook')
    const parts = types.map((one) => `... on ${one.name}${selectionOf(one, above, pages)}`)
    return ` { __typename ${parts.join(' ')} }`
  }
  if (!isObjectType(type)) return ''
  const isConnection = type.name.endsWith('Connection')
  const path = isConnection ? above : [...above, type.name]
  const fields = Object.values(type.getFields()).filter((field) => {
    const next = getNamedType(field.type)
    if (field.args.some(isRequiredArgument) || field.name === 'edges') return false
    return isLeafType(next) || isConnection || isAllowedIn(path, next.name.replace(/Connection$/, ''))
  })
  return ` { ${fields.map((field) => fieldText(field, { given: '', above: path, pages })).join(' ')} }`
}

/** A type within itself would have no end; iterations stand once in their step. */
function isAllowedIn(path: readonly string[], name: string): boolean {
  const times = path.filter((above) => above === name).length
  return times === 0 ? path.length <= DEPTH : name === 'StepRun' && times === 1
}
