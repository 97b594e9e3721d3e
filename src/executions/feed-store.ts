// By hand: every watch of executions asks this at each hint, and each second.
import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'

/** How far an execution has come. */
export interface Progress {
  readonly id: ExecutionId
  readonly eventSeq: number
}

/** Executions are looked for this long after their change: a transaction may commit later than its `updated_at` says. */
const OVERLAP_SECONDS = 150

/** How far the given executions have come. */
export async function readProgress(sql: Sql, ids: readonly ExecutionId[]): Promise<Progress[]> {
  const rows = await sql.rows<{ id: bigint; event_seq: bigint }>(
    'SELECT id, event_seq FROM transient.execution WHERE id = ANY($1::bigint[])',
    ids,
  )
  return rows.map((row) => ({ id: String(row.id), eventSeq: Number(row.event_seq) }))
}

/** How far all executions have come that changed lately. */
export async function readRecentProgress(sql: Sql): Promise<Progress[]> {
  const rows = await sql.rows<{ id: bigint; event_seq: bigint }>(
    `SELECT id, event_seq FROM transient.execution WHERE updated_at > now() - $1::integer * interval '1 second'`,
    OVERLAP_SECONDS,
  )
  return rows.map((row) => ({ id: String(row.id), eventSeq: Number(row.event_seq) }))
}
