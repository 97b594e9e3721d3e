// By hand, inside the transactions of writes and steps: which waits a change set concerns is asked by its names (decision 24).
import type { ExecutionId } from '../core/ids.js'
import type { Sql, Transaction } from '../db/database.js'
import type { TaskKey } from '../tasks/record.js'
import type { OpenedWait } from './draft.js'

/** Tasks that wait from now on. Those that were offered have a row. */
export function insertWaits(tx: Transaction, waits: readonly OpenedWait[]): void {
  tx.send(
    `INSERT INTO transient.task (execution_id, run, attempt, pool, kind, status, claimed_at, deadline)
     SELECT execution_id, run, attempt, pool, 'wait', 'waiting', now(), now() + timeout_ms * interval '1 millisecond'
     FROM json_to_recordset($1::json) AS w (execution_id bigint, run integer, attempt integer, pool text, timeout_ms double precision)
     ON CONFLICT (execution_id, run, attempt) DO UPDATE
       SET kind = excluded.kind, status = excluded.status, claimed_at = excluded.claimed_at, deadline = excluded.deadline, lease_until = NULL`,
    JSON.stringify(
      waits.map(({ task: { executionId, run, attempt, pool }, timeoutMs }) => ({
        ...{ execution_id: executionId, run, attempt, pool },
        timeout_ms: timeoutMs,
      })),
    ),
  )
}

/** Open waits of an execution whose condition reads one of these variables. */
export async function listWaits(tx: Sql, executionId: ExecutionId, names: readonly string[]): Promise<TaskKey[]> {
  const rows = await tx.rows<{ readonly run: number; readonly attempts: number }>(
    `SELECT run, attempts FROM transient.step_run
     WHERE execution_id = $1::bigint AND status = 'waiting' AND wait -> 'reads' ?| $2::text[] ORDER BY run`,
    executionId,
    names,
  )
  return rows.map(({ run, attempts }) => ({ executionId, run, attempt: attempts }))
}
