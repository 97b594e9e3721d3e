import { Kind, type OperationDefinitionNode } from 'graphql'
import { type JsonObject, stringifyJson } from '../core/json.js'

interface Grouped {
  readonly request: {
    readonly query: string
    readonly operationName?: string | null | undefined
    readonly variables?: Readonly<Record<string, unknown>> | null | undefined
  }
  readonly operation: OperationDefinitionNode
  /** Who may see the same, and loses it together, belongs to the same group. */
  readonly viewer: string
}

/**
 * What subscriptions have in common that say the same from any revision on: document, variables and rights. Where one begins is
 * left out. Null for what is no watch of variables.
 */
export function groupKey({ request, operation, viewer }: Grouped): string | null {
  const [field] = operation.selectionSet.selections
  if (field?.kind !== Kind.FIELD || field.name.value !== 'variableChanged') return null
  const after = field.arguments?.find((argument) => argument.name.value === 'afterRevision')?.value
  const variables: Record<string, unknown> = { ...request.variables }
  if (after?.kind === Kind.VARIABLE) delete variables[after.name.value]
  const sorted = Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1))
  return stringifyJson([viewer, request.operationName ?? null, request.query, Object.fromEntries(sorted) as JsonObject])
}
