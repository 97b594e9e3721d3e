import {
  type DocumentNode,
  defaultFieldResolver,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type GraphQLField,
  GraphQLNonNull,
  type GraphQLSchema,
  Kind,
  type SelectionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { inlineFragments } from '../inline-fragments.js'
import { createPrinter, type Printer, textFieldName, withTextFields } from '../printer.js'
import type { GraphQLContext, Progress } from '../request.js'
import { rememberSelection } from '../selection.js'

/**
 * Executes documents whose plain selections are printed at once rather than resolved field by field, and keeps what a document's
 * mutations have carried out before one was refused (docs/decisions/0013-plain-selections-are-printed.md).
 */
export function usePlainSelections(schema: GraphQLSchema): Plugin<GraphQLContext> {
  const planner = createTextPlanner(schema)
  /** null: it asks for the schema itself, where what is added for execution is not to be seen. */
  const plans = new WeakMap<DocumentNode, DocumentNode | null>()

  function planOf(document: DocumentNode): DocumentNode | null {
    const known = plans.get(document)
    if (known !== undefined) return known
    const plan = asksForSchema(document) ? null : planner.plan(document)
    plans.set(document, plan)
    return plan
  }

  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const plan = planOf(args.document)
      if (plan === null) return
      setExecuteFn(async (given: ExecutionArgs) => {
        const progress = createProgress()
        const contextValue = { ...(given.contextValue as GraphQLContext), progress }
        return resultOf(await executeFn({ ...given, schema: planner.schema, document: plan, contextValue }), progress)
      })
    },
  }
}

/** Whether any field of it is of the introspection. */
function asksForSchema(document: DocumentNode): boolean {
  let isFound = false
  visit(document, {
    Field: ({ name }: FieldNode) => {
      isFound ||= name.value === '__schema' || name.value === '__type'
    },
  })
  return isFound
}

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

export function createProgress(): Progress {
  return { isStopped: false, required: new Set() }
}

/**
 * For a schema that is used for execution alone: a mutation that is refused leaves the results before it, so that they can be reported.
 * Changes the types of the schema given; `resultOf` makes of a result what the real types allow.
 */
export function keepCarriedOut(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    if (!(field.type instanceof GraphQLNonNull)) continue
    field.type = field.type.ofType
    field.resolve = required(field.resolve ?? defaultFieldResolver)
  }
}

type Resolve = NonNullable<GraphQLField<unknown, { readonly progress: Progress }>['resolve']>

function required(resolve: Resolve): Resolve {
  return async (source, args, context, info) => {
    const { progress } = context
    progress.required.add(String(info.path.key))
    if (progress.isStopped) return null
    try {
      return await resolve(source, args, context, info)
    } catch (error) {
      progress.isStopped = true
      throw error
    }
  }
}

/** The result as the schema has it: with `data: null` when a mutation whose field is not nullable was refused, and what was carried out before it beside the errors. */
export function resultOf(result: ExecutionResult, { required }: Progress): ExecutionResult {
  const { data } = result
  if (!data || ![...required].some((key) => data[key] === null)) return result
  const completed = Object.entries(data).filter(([, value]) => value !== null)
  if (completed.length === 0) return { ...result, data: null }
  return { ...result, data: null, extensions: { ...result.extensions, completed: Object.fromEntries(completed) } }
}
