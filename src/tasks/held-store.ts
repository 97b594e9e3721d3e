// By hand: whether workers' tokens are still good is asked all the time, for many tasks by one statement (decision 24).
import type { Sql } from '../db/database.js'
import type { TaskKey } from './record.js'

/** A task that a worker holds. */
export interface HeldTask extends TaskKey {
  readonly token: string
  readonly step: string
}

interface HeldRow {
  readonly execution_id: bigint
  readonly run: number
  readonly attempt: number
  readonly token: string
  readonly step: string
}

/** A worker whose heartbeat is late still holds its task until another gets it; its token shall not outlive that for long. */
const LATE = `interval '2 minutes'`

/** Those of the tasks that somebody holds, in executions that run. */
export async function listHeldTasks(sql: Sql, keys: readonly TaskKey[]): Promise<HeldTask[]> {
  const rows = await sql.rows<HeldRow>(
    `SELECT t.execution_id, t.run, t.attempt, t.token, s.step
     FROM json_to_recordset($1::json) AS k ("executionId" bigint, run integer, attempt integer)
     JOIN transient.task t ON t.execution_id = k."executionId" AND t.run = k.run AND t.attempt = k.attempt
     JOIN transient.step_run s ON s.execution_id = t.execution_id AND s.run = t.run
     JOIN transient.execution e ON e.id = t.execution_id
     WHERE t.status = 'open' AND t.token IS NOT NULL AND t.lease_until > now() - ${LATE} AND e.status IN ('running', 'paused')`,
    JSON.stringify(keys.map(({ executionId, run, attempt }) => ({ executionId, run, attempt }))),
  )
  return rows.map((row) => ({
    executionId: String(row.execution_id),
    run: row.run,
    attempt: row.attempt,
    token: row.token,
    step: row.step,
  }))
}
