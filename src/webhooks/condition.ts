import type { ChangeRecord } from '../commit/record.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { followCondition, namesIn } from '../variables/condition.js'
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
  const values: JsonObject = await readValuesAt(sql, { executionId, revision, names })
  const condition = followCondition(when, values)
  let holds = condition.holds()
  return {
    names,
    rises(changes) {
      condition.take(changes)
      const before = holds
      holds = condition.holds()
      return holds && !before
    },
  }
}
