// By hand: it touches every open task of an execution in one statement.
import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'

/** Open tasks of an execution are offered again. */
export async function offerAgain(sql: Sql, executionId: ExecutionId): Promise<void> {
  await sql.run(
    `UPDATE transient.task SET ensured_at = NULL WHERE execution_id = $1::bigint AND status = 'open' AND token IS NULL`,
    executionId,
  )
}
