import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql'
import { DEFAULT_PAGE } from '../core/cursor.js'
import { isLosslessNumber } from '../core/json.js'

/** What a selection costs, fragments spread. */
export interface Measure {
  readonly depth: number
  readonly introspectionDepth: number
  /** Whether a list field of introspection stands within itself. */
  readonly isIntrospectionNested: boolean
  readonly aliases: number
  readonly directives: number
  /** Fields, with what their arguments cost, times page sizes. */
  readonly cost: number
}

const NOTHING: Measure = {
  depth: 0,
  introspectionDepth: 0,
  isIntrospectionNested: false,
  aliases: 0,
  directives: 0,
  cost: 0,
}
const INTROSPECTION_LISTS = new Set(['fields', 'inputFields', 'args', 'interfaces', 'possibleTypes', 'enumValues', 'types'])

/** Where a selection stands. */
interface Scope {
  /** Page size of the list whose `nodes` or `edges` may follow. */
  readonly page: number
  readonly isIntrospection: boolean
  /** Introspection's list fields above. */
  readonly lists: readonly string[]
}

/**
 * Measures every operation of a document; the largest of each counts. Looks at names only, so that it can run before
 * validation, and visits a fragment once per scope, so that no document takes long. `inputsOf`: what each field's arguments cost.
 */
export function measureDocument(
  document: DocumentNode,
  variables: Given,
  inputsOf: (variables: Given) => ReadonlyMap<FieldNode, number> = () => new Map(),
): Measure {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  let largest = NOTHING
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const given = { ...defaultsOf(definition), ...variables }
    const measureSet = createMeasure(fragments, { variables: given, inputs: inputsOf(given) })
    const measure = measureSet(definition.selectionSet, { page: DEFAULT_PAGE, isIntrospection: false, lists: [] })
    largest = larger(largest, { ...measure, directives: measure.directives + (definition.directives?.length ?? 0) })
  }
  return largest
}

type Given = Readonly<Record<string, unknown>>

/** What the variables of an operation are where nothing is given. */
function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Given {
  const pairs = variableDefinitions.flatMap(({ variable, defaultValue }): [string, unknown][] =>
    defaultValue === undefined ? [] : [[variable.name.value, valueFromASTUntyped(defaultValue)]],
  )
  return Object.fromEntries(pairs)
}

interface Measuring {
  readonly variables: Given
  readonly inputs: ReadonlyMap<FieldNode, number>
}

function createMeasure(fragments: ReadonlyMap<string, FragmentDefinitionNode>, { variables, inputs }: Measuring) {
  const known = new Map<string, Measure>()

  function measureSet({ selections }: SelectionSetNode, scope: Scope): Measure {
    return selections.reduce((total, selection) => {
      const measure = measureSelection(selection, scope)
      const directives = measure.directives + (selection.directives?.length ?? 0)
      return together(total, { ...measure, directives })
    }, NOTHING)
  }

  function measureSelection(selection: SelectionNode, scope: Scope): Measure {
    if (selection.kind === Kind.FIELD) return measureField(selection, scope)
    if (selection.kind === Kind.INLINE_FRAGMENT) return measureSet(selection.selectionSet, scope)
    return measureFragment(selection.name.value, scope)
  }

  function measureFragment(name: string, scope: Scope): Measure {
    const key = `${name} ${scope.page} ${scope.isIntrospection} ${scope.lists.join()}`
    const measured = known.get(key)
    if (measured !== undefined) return measured
    // A fragment that spreads itself is refused by validation; here it must only end.
    known.set(key, NOTHING)
    const fragment = fragments.get(name)
    const measure = fragment === undefined ? NOTHING : measureSet(fragment.selectionSet, scope)
    known.set(key, measure)
    return measure
  }

  function measureField(field: FieldNode, scope: Scope): Measure {
    const name = field.name.value
    const isIntrospection = scope.isIntrospection || name === '__schema' || name === '__type'
    const isNested = isIntrospection && INTROSPECTION_LISTS.has(name) && scope.lists.includes(name)
    const lists = isIntrospection && INTROSPECTION_LISTS.has(name) ? [...scope.lists, name] : scope.lists
    // Beneath a list inside itself nothing is measured: the document is refused, and scopes stay few.
    const children =
      field.selectionSet === undefined || isNested
        ? NOTHING
        : measureSet(field.selectionSet, { page: pageOf(field), isIntrospection, lists: [...new Set(lists)] })
    const factor = name === 'nodes' || name === 'edges' ? scope.page : 1
    return {
      depth: isIntrospection ? 1 : children.depth + 1,
      introspectionDepth: isIntrospection ? children.introspectionDepth + 1 : children.introspectionDepth,
      isIntrospectionNested: isNested || children.isIntrospectionNested,
      aliases: children.aliases + (field.alias === undefined ? 0 : 1),
      directives: children.directives,
      cost: isIntrospection ? 0 : 1 + (inputs.get(field) ?? 0) + factor * children.cost,
    }
  }

  function pageOf(field: FieldNode): number {
    const value = field.arguments?.find((argument) => argument.name.value === 'first')?.value
    const given = value?.kind === Kind.VARIABLE ? variables[value.name.value] : value?.kind === Kind.INT ? value.value : undefined
    const size = Number(isLosslessNumber(given) ? given.value : (given ?? DEFAULT_PAGE))
    return Number.isFinite(size) && size >= 0 ? size : DEFAULT_PAGE
  }

  return measureSet
}

function together(left: Measure, right: Measure): Measure {
  return {
    ...larger(left, right),
    aliases: left.aliases + right.aliases,
    directives: left.directives + right.directives,
    cost: left.cost + right.cost,
  }
}

function larger(left: Measure, right: Measure): Measure {
  return {
    depth: Math.max(left.depth, right.depth),
    introspectionDepth: Math.max(left.introspectionDepth, right.introspectionDepth),
    isIntrospectionNested: left.isIntrospectionNested || right.isIntrospectionNested,
    aliases: Math.max(left.aliases, right.aliases),
    directives: Math.max(left.directives, right.directives),
    cost: Math.max(left.cost, right.cost),
  }
}
