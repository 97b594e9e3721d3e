import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionNode, type SelectionSetNode } from 'graphql'

/** What a text field, a leaf, stands for. */
const replaced = new WeakMap<FieldNode, SelectionSetNode>()

/** Remembers the selection of a field for the leaf that is executed instead of it. */
export function rememberSelection(textField: FieldNode, { selectionSet }: FieldNode): void {
  if (selectionSet) replaced.set(textField, selectionSet)
}

/** Whether a field of this name is selected beneath the one that is resolved, so that what nobody asks for need not be found. */
export function isSelected({ fieldNodes, fragments }: GraphQLResolveInfo, name: string): boolean {
  const within = ({ selections }: SelectionSetNode): boolean => selections.some(isNamed)
  function isNamed(selection: SelectionNode): boolean {
    if (selection.kind === Kind.FIELD) return selection.name.value === name
    if (selection.kind === Kind.INLINE_FRAGMENT) return within(selection.selectionSet)
    const fragment = fragments[selection.name.value]
    return fragment !== undefined && within(fragment.selectionSet)
  }
  return fieldNodes.some((node) => {
    const selectionSet = node.selectionSet ?? replaced.get(node)
    return selectionSet !== undefined && within(selectionSet)
  })
}
