import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type SelectionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { keepCarriedOut } from './carried-out.js'
import { createPrinter, type Printer } from './printer.js'
import { rememberSelection } from './selection.js'
import { twinOf, withTextTwins } from './text-schema.js'

/** How a valid document is executed. */
export interface TextPlanner {
  /** For execution alone: results go through `resultOf`. */
  readonly schema: GraphQLSchema
  /** The document with each field whose whole selection is plain replaced by its twin: then one leaf is resolved instead of all below. */
  plan(document: DocumentNode): DocumentNode
}

/** Plans documents of one schema; its own schema has the twins. */
export function createTextPlanner(schema: GraphQLSchema): TextPlanner {
  const printers = new WeakMap<FieldNode, Printer>()

  function plan(document: DocumentNode): DocumentNode {
    if (!isSimple(document)) return document
    const types = new TypeInfo(schema)
    return visit(
      document,
      visitWithTypeInfo(types, {
        Field: (node) => {
          const [parent, field] = [types.getParentType(), types.getFieldDef()]
          if (!parent || !field || !node.selectionSet || parent.name.startsWith('__')) return undefined
          const printer = createPrinter(field.type, node, `${parent.name}.${field.name}`)
          if (printer === null) return undefined
          const twin = asTwin(node)
          rememberSelection(twin, node)
          printers.set(twin, printer)
          return twin
        },
      }),
    )
  }

  const planned = withTextTwins(schema, (node) => printers.get(node))
  keepCarriedOut(planned)
  return { schema: planned, plan }
}

function asTwin({ selectionSet: _, ...node }: FieldNode): FieldNode {
  const name = { kind: Kind.NAME, value: twinOf(node.name.value) } as const
  return { ...node, alias: node.alias ?? node.name, name }
}

/** Fragments, and keys that stand twice in a selection, are merged by graphql-js; such documents run as they are. Subscriptions, too. */
function isSimple({ definitions }: DocumentNode): boolean {
  return definitions.every(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      definition.operation !== 'subscription' &&
      isSimpleSet(definition.selectionSet.selections),
  )
}

function isSimpleSet(selections: readonly SelectionNode[]): boolean {
  const keys = new Set<string>()
  for (const selection of selections) {
    if (selection.kind !== Kind.FIELD) return false
    const key = (selection.alias ?? selection.name).value
    if (keys.has(key) || !isSimpleSet(selection.selectionSet?.selections ?? [])) return false
    keys.add(key)
  }
  return true
}
