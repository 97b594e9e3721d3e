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
import { inlineFragments } from './inline-fragments.js'
import { createPrinter, type Printer } from './printer.js'
import { rememberSelection } from './selection.js'
import { textFieldName, withTextFields } from './text-schema.js'

/** How a valid document is executed. */
export interface TextPlanner {
  /** For execution alone: results go through `resultOf`. */
  readonly schema: GraphQLSchema
  /** The document with each field whose whole selection is plain replaced by its text field: then one leaf is resolved instead of all below. */
  plan(document: DocumentNode): DocumentNode
}

/** Plans documents of one schema; its own schema has the text fields. */
export function createTextPlanner(schema: GraphQLSchema): TextPlanner {
  const printers = new WeakMap<FieldNode, Printer>()

  function plan(document: DocumentNode): DocumentNode {
    const inlined = inlineFragments(schema, document)
    if (inlined === null) return document
    const types = new TypeInfo(schema)
    return visit(
      inlined,
      visitWithTypeInfo(types, {
        OperationDefinition: ({ operation }) => (operation === 'subscription' ? false : undefined),
        // What stands in one may be merged with what stands in another, once it is known which of them hold.
        InlineFragment: () => false,
        Field: (node, _key, siblings) => {
          const [parent, field] = [types.getParentType(), types.getFieldDef()]
          if (!parent || !field || !node.selectionSet || parent.name.startsWith('__')) return undefined
          if (isMerged(node, siblings as readonly SelectionNode[])) return false
          const printer = createPrinter(field.type, node, `${parent.name}.${field.name}`)
          if (printer === null) return undefined
          const textField = asTextField(node)
          rememberSelection(textField, node)
          printers.set(textField, printer)
          return textField
        },
      }),
    )
  }

  const planned = withTextFields(schema, (node) => printers.get(node))
  keepCarriedOut(planned)
  return { schema: planned, plan }
}

function asTextField({ selectionSet: _, ...node }: FieldNode): FieldNode {
  const name = { kind: Kind.NAME, value: textFieldName(node.name.value) } as const
  return { ...node, alias: node.alias ?? node.name, name }
}

/** Whether graphql-js may make one of a field and of what stands beside it. */
function isMerged(node: FieldNode, siblings: readonly SelectionNode[]): boolean {
  const key = (node.alias ?? node.name).value
  return siblings.some((other) => other !== node && (other.kind !== Kind.FIELD || (other.alias ?? other.name).value === key))
}
