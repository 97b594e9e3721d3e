// By hand: every watch of executions asks this at each hint, and each second.
import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'

/** How far an execution has come: it changes with its events, its revision and what is kept of its change log. */
export interface Progress {
  readonly id: ExecutionId
  readonly position: string
}

/** Executions are looked for this long after their change: a transaction may commit later than its `updated_at` says. */
const OVERLAP_SECONDS = 150

const PROGRESS = "SELECT id::text, concat_ws('/', event_seq, revision, oldest_revision) AS position FROM transient.execution"

/** How far the given executions have come. */
export function readProgress(sql: Sql, ids: readonly ExecutionId[]): Promise<Progress[]> {
  return sql.rows(`${PROGRESS} WHERE id = ANY($1::bigint[])`, ids)
}

/** How far all executions have come that changed lately. */
export function readRecentProgress(sql: Sql): Promise<Progress[]> {
  const since = "now() - $1::integer * interval '1 second'"
  return sql.rows(`${PROGRESS} WHERE updated_at > ${since} AND changed_minute >= date_trunc('minute', ${since})`, OVERLAP_SECONDS)
}
