import {
  type DocumentNode,
  type FieldNode,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  TypeInfo,
  type ValueNode,
  visit,
  visitWithTypeInfo,
} from 'graphql'

/** What one value of an input type costs beside its lists; left out: nothing. */
export interface InputCost {
  readonly cost?: number
}

/** More items of one list are not counted: a list that long has a limit of its own, whose message says more. */
const MAX_COUNTED = 1_000

type Given = Readonly<Record<string, unknown>>

/**
 * What the arguments of each field cost: every item of a list is one, and input types may say that they are dearer. Fields that the
 * schema does not know cost nothing: validation refuses them. `variables` have their defaults.
 */
export function inputCosts(schema: GraphQLSchema, document: DocumentNode, variables: Given): ReadonlyMap<FieldNode, number> {
  const costs = new Map<FieldNode, number>()
  const info = new TypeInfo(schema)
  const visitor = {
    Field: (field: FieldNode) => {
      const known = info.getFieldDef()?.args ?? []
      const cost = (field.arguments ?? []).reduce((sum, { name, value }) => {
        const type = known.find((argument) => argument.name === name.value)?.type
        return type === undefined ? sum : sum + costOfNode(type, value, variables)
      }, 0)
      if (cost > 0) costs.set(field, cost)
    },
  }
  visit(document, visitWithTypeInfo(info, visitor))
  return costs
}

/** Whether a list may come from a variable: then the cost is another at each request. */
export function hasListVariable(schema: GraphQLSchema, document: DocumentNode): boolean {
  const info = new TypeInfo(schema)
  let isFound = false
  visit(
    document,
    visitWithTypeInfo(info, {
      Variable: () => {
        const type = info.getInputType()
        isFound ||= type != null && mayHoldList(type, new Set())
      },
    }),
  )
  return isFound
}

function mayHoldList(type: GraphQLInputType, seen: Set<GraphQLInputType>): boolean {
  if (isNonNullType(type)) return mayHoldList(type.ofType, seen)
  if (isListType(type)) return true
  if (!isInputObjectType(type) || seen.has(type)) return false
  seen.add(type)
  return Object.values(type.getFields()).some((field) => mayHoldList(field.type, seen))
}

function costOfNode(type: GraphQLInputType, node: ValueNode, variables: Given): number {
  if (node.kind === Kind.VARIABLE) return costOfValue(type, variables[node.name.value])
  if (isNonNullType(type)) return costOfNode(type.ofType, node, variables)
  if (isListType(type)) {
    const items = node.kind === Kind.LIST ? node.values.slice(0, MAX_COUNTED) : [node]
    return items.reduce((sum, item) => sum + 1 + costOfNode(type.ofType, item, variables), 0)
  }
  if (!isInputObjectType(type) || node.kind !== Kind.OBJECT) return 0
  const fields = type.getFields()
  return node.fields.reduce((sum, { name, value }) => {
    const field = fields[name.value]
    return field === undefined ? sum : sum + costOfNode(field.type, value, variables)
  }, ownCost(type.extensions))
}

function costOfValue(type: GraphQLInputType, value: unknown): number {
  if (value === null || value === undefined) return 0
  if (isNonNullType(type)) return costOfValue(type.ofType, value)
  if (isListType(type)) {
    const items: readonly unknown[] = Array.isArray(value) ? value.slice(0, MAX_COUNTED) : [value]
    return items.reduce<number>((sum, item) => sum + 1 + costOfValue(type.ofType, item), 0)
  }
  if (!isInputObjectType(type) || typeof value !== 'object') return 0
  const fields = type.getFields()
  return Object.entries(value).reduce((sum, [name, item]) => {
    const field = fields[name]
    return field === undefined ? sum : sum + costOfValue(field.type, item)
  }, ownCost(type.extensions))
}

function ownCost({ cost = 0 }: InputCost): number {
  return cost
}
