import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { parsed } from './run-store.js'

interface IdempotentStart {
  readonly key: string
  readonly executionId: ExecutionId
  readonly path: string
  readonly version: number | null
  readonly payload: JsonObject
}

export async function findIdempotent(
  sql: Sql,
  key: string,
): Promise<{ executionId: ExecutionId; path: string; version: number | null; payload: JsonValue } | null> {
  const rows = await sql.rows<{ execution_id: bigint; path: string; version: number | null; workload: string }>(
    'SELECT execution_id, path, version, workload::text AS workload FROM transient.idempotency WHERE key = $1',
    key,
  )
  const row = rows[0]
  return row
    ? { executionId: String(row.execution_id), path: row.path, version: row.version, payload: parseJson(row.workload) }
    : null
}

/** false when another execution has the key. */
export async function claimIdempotencyKey(tx: Sql, start: IdempotentStart): Promise<boolean> {
  const count = await tx.run(
    `INSERT INTO transient.idempotency (key, execution_id, path, version, workload)
     VALUES ($1, $2::bigint, $3, $4::integer, $5::jsonb) ON CONFLICT (key) DO NOTHING`,
    start.key,
    start.executionId,
    start.path,
    start.version,
    stringifyJson(start.payload),
  )
  return count === 1
}

/** Where a rerun from a step begins: that step's last visit, and the results that were there before it. */
export interface RerunPoint {
  readonly args: JsonObject
  /** The execution's revision when the visit was opened. */
  readonly revision: number
  readonly results: JsonObject
}

/** null when the step was never reached. */
export async function loadRerunPoint(sql: Sql, executionId: ExecutionId, step: string): Promise<RerunPoint | null> {
  const visits = await sql.rows<{ args: string | null; opened_seq: bigint; revision: bigint | null }>(
    `SELECT r.args::text AS args, r.opened_seq, e.revision
     FROM transient.step_run r
     LEFT JOIN transient.event e ON e.execution_id = r.execution_id AND e.seq = r.opened_seq
     WHERE r.execution_id = $1::bigint AND r.step = $2 AND r.iteration IS NULL
     ORDER BY r.visit DESC LIMIT 1`,
    executionId,
    step,
  )
  const visit = visits[0]
  if (!visit) return null
  const rows = await sql.rows<{ step: string; result: string | null; envelope: string }>(
    `SELECT DISTINCT ON (step) step, result::text AS result, envelope::text AS envelope FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND envelope IS NOT NULL AND finished_seq <= $2::bigint
     ORDER BY step, visit DESC`,
    executionId,
    visit.opened_seq,
  )
  const results = rows.map((row) => [
    row.step,
    { result: parsed<JsonValue>(row.result, null), envelope: parseJson(row.envelope) },
  ])
  return {
    args: parsed<JsonObject>(visit.args, {}),
    revision: Number(visit.revision ?? 0n),
    results: Object.fromEntries(results) as JsonObject,
  }
}
