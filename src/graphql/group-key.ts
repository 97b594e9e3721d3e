import { Kind, type OperationDefinitionNode } from 'graphql'
import { type JsonObject, stringifyJson } from '../core/json.js'

const GROUPED: ReadonlySet<string> = new Set(['variableChanged', 'executionChanged'])

interface Grouped {
  readonly request: {
    readonly query?: string
    readonly operationName?: string | null | undefined
    readonly variables?: Readonly<Record<string, unknown>> | null | undefined
  }
  readonly operation: OperationDefinitionNode
  /** Who may see the same, and loses it together, belongs to the same group. */
  readonly viewer: string
}

export interface GroupOf {
  readonly key: string
  /** Each message says all: a member that is behind wants the newest only. */
  readonly isNewestOnly: boolean
}

/**
 * What subscriptions have in common that say the same from any position on: document, variables and rights. Where one begins is
 * left out. Null for what does not go on from a position.
 */
export function groupOf({ request, operation, viewer }: Grouped): GroupOf | null {
  const [field] = operation.selectionSet.selections
  if (field?.kind !== Kind.FIELD || !GROUPED.has(field.name.value)) return null
  const after = field.arguments?.find((argument) => argument.name.value === 'afterRevision')?.value
  const variables: Record<string, unknown> = { ...request.variables }
  if (after?.kind === Kind.VARIABLE) delete variables[after.name.value]
  const sorted = Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1))
  const key = stringifyJson([
    viewer,
    request.operationName ?? null,
    request.query ?? '',
    Object.fromEntries(sorted) as JsonObject,
  ])
  return { key, isNewestOnly: field.name.value === 'executionChanged' }
}
