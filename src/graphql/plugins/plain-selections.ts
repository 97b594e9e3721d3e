import { type DocumentNode, type ExecutionArgs, type FieldNode, type GraphQLSchema, visit } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { createProgress, resultOf } from '../carried-out.js'
import type { GraphQLContext } from '../context.js'
import { createTextPlanner } from '../text-plan.js'

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
