import type { ChangeRecord } from '../commit/record.js'
import { isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { compileCondition, createContext, evaluateCondition } from '../template/index.js'
import { readValuesAt } from './delivery-store.js'

/** A condition that is followed along an execution's change log. */
export interface Edge {
  /** Variables that it reads; null: all of them. */
  readonly names: readonly string[] | null
  /** Takes the changes of the next revision; whether it has become true with them. */
  rises(changes: readonly ChangeRecord[]): boolean
}

/** A condition as it stands at a revision. Of what is sensitive it sees the mask. */
export async function openEdge(
  sql: Sql,
  { when, executionId, revision }: { readonly when: string; readonly executionId: ExecutionId; readonly revision: number },
): Promise<Edge> {
  const names = namesIn(when)
  const vars: JsonObject = await readValuesAt(sql, { executionId, revision, names })
  let holds = isTrue(when, vars)
  return {
    names,
    rises(changes) {
      for (const { name, operation, value } of changes) {
        if (operation === 'delete') delete vars[name]
        else vars[name] = value
      }
      const before = holds
      holds = isTrue(when, vars)
      return holds && !before
    },
  }
}

/** `vars.total`, and bare names, which may be variables. */
function namesIn(when: string): readonly string[] | null {
  const { roots, members } = compileCondition(when).references
  const named = roots.has('vars') ? (members.get('vars') ?? 'all') : []
  return named === 'all' ? null : [...new Set([...named, ...roots])].filter((name) => name !== 'vars')
}

/** What is undefined, or cannot be evaluated, does not hold. */
function isTrue(when: string, vars: JsonObject): boolean {
  try {
    return evaluateCondition(when, createContext({ vars }))
  } catch (error) {
    if (isTransientError(error)) return false
    throw error
  }
}
