// By hand: it ends what looks for rows of a whole execution, or of an iterator, in one statement.
import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'
import type { TaskRecord } from './record.js'
import { TASK_COLUMNS, type TaskRow, toTask } from './store.js'

/** Withdraws an execution's unfinished tasks, or only those of some runs; returns what was withdrawn. */
export async function withdrawTasks(
  tx: Sql,
  executionId: ExecutionId,
  { parentRun, except = null }: { readonly parentRun: number | null; readonly except?: number | null },
): Promise<TaskRecord[]> {
  const rows = await tx.rows<TaskRow>(
    `UPDATE transient.task SET status = 'withdrawn', finished_at = now(), lease_until = NULL
     WHERE execution_id = $1::bigint AND status IN ('open', 'waiting') AND run IS DISTINCT FROM $3::integer
       AND ($2::integer IS NULL OR run IN (
         SELECT run FROM transient.step_run WHERE execution_id = $1::bigint AND parent_run = $2::integer AND iteration IS NOT NULL))
     RETURNING ${TASK_COLUMNS}`,
    executionId,
    parentRun,
    except,
  )
  return rows.map(toTask)
}
