// By hand: asked every second, by a partial index.
import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'

/** Executions whose time is up. */
export async function listExpired(sql: Sql, limit: number, after: ExecutionId | null): Promise<ExecutionId[]> {
  const rows = await sql.rows<{ id: bigint }>(
    `SELECT id FROM transient.execution
     WHERE deadline < now() AND deadline IS NOT NULL AND ending IS NULL AND status IN ('pending', 'running', 'paused')
       AND ($2::bigint IS NULL OR id > $2::bigint)
     ORDER BY id LIMIT $1`,
    limit,
    after,
  )
  return rows.map((row) => String(row.id))
}
