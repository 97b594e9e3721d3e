import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type NamedTypeNode,
  type SelectionNode,
} from 'graphql'

/** A document whose fragments make more selections than this is left as it is. */
const MAX_SELECTIONS = 5_000

/**
 * A valid document that says the same with as few fragments as can be: what is spread stands where it is spread, and fields with the
 * same key are one. Fragments with directives, and those that hold for some types only, become inline fragments. Null for a
 * document that would grow too long.
 */
export function inlineFragments(schema: GraphQLSchema, { definitions, ...document }: DocumentNode): DocumentNode | null {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  let count = 0

  function flat(selections: readonly SelectionNode[], parent: GraphQLCompositeType): SelectionNode[] {
    const found: SelectionNode[] = []
    const byKey = new Map<string, number>()

    function add(selection: SelectionNode): void {
      count += 1
      if (count > MAX_SELECTIONS) return
      if (selection.kind === Kind.FIELD) return addField(selection)
      const { typeCondition, selectionSet } = spreadOf(selection, fragments)
      const isCertain = holdsAlways(schema, parent, typeCondition)
      if (isCertain && !selection.directives?.length) return selectionSet.selections.forEach(add)
      // For one type a fragment holds always or never.
      if (!isCertain && isObjectType(parent)) return
      const type = typeCondition && schema.getType(typeCondition.name.value)
      const within = flat(selectionSet.selections, isCompositeType(type) ? type : parent)
      found.push(inline(within, typeCondition, selection.directives))
      // The order of keys is that of the document: nothing is moved before it.
      byKey.clear()
    }

    function addField(field: FieldNode): void {
      const key = (field.alias ?? field.name).value
      const index = byKey.get(key)
      const same = index === undefined ? undefined : found[index]
      // A field with directives stands for itself: whether it is there is known when it runs.
      if (field.directives?.length || same?.kind !== Kind.FIELD) {
        if (field.directives?.length) byKey.delete(key)
        else byKey.set(key, found.length)
        found.push(field)
      } else if (field.selectionSet && index !== undefined) found[index] = merged(same, field)
    }

    selections.forEach(add)
    return found.map((selection) => (selection.kind === Kind.FIELD ? flatField(selection, parent) : selection))
  }

  function flatField(field: FieldNode, parent: GraphQLCompositeType): FieldNode {
    if (!field.selectionSet || !(isObjectType(parent) || isInterfaceType(parent))) return field
    const type = getNamedType(parent.getFields()[field.name.value]?.type)
    if (!isCompositeType(type)) return field
    return { ...field, selectionSet: { ...field.selectionSet, selections: flat(field.selectionSet.selections, type) } }
  }

  const operations = definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return []
    const root = schema.getRootType(definition.operation)
    if (!root) return [definition]
    const selections = flat(definition.selectionSet.selections, root)
    return [{ ...definition, selectionSet: { ...definition.selectionSet, selections } }]
  })
  return count > MAX_SELECTIONS ? null : { ...document, definitions: operations }
}

type Spread = Exclude<SelectionNode, FieldNode>

function spreadOf(selection: Spread, fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
  const found = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
  if (found === undefined) throw new Error('a valid document knows its fragments')
  return found
}

/** Whether a fragment is for whatever stands where it is spread. */
function holdsAlways(schema: GraphQLSchema, parent: GraphQLCompositeType, condition: NamedTypeNode | undefined): boolean {
  if (condition === undefined || condition.name.value === parent.name) return true
  const type = schema.getType(condition.name.value)
  return isAbstractType(type) && isObjectType(parent) && schema.isSubType(type, parent)
}

function inline(
  selections: readonly SelectionNode[],
  typeCondition: NamedTypeNode | undefined,
  directives: readonly DirectiveNode[] | undefined,
): SelectionNode {
  return {
    kind: Kind.INLINE_FRAGMENT,
    ...(typeCondition && { typeCondition }),
    ...(directives && { directives }),
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
}

/** Validation has seen that they are the same field with the same arguments. */
function merged(first: FieldNode, second: FieldNode): FieldNode {
  const selections = [...(first.selectionSet?.selections ?? []), ...(second.selectionSet?.selections ?? [])]
  return { ...first, selectionSet: { kind: Kind.SELECTION_SET, selections } }
}
