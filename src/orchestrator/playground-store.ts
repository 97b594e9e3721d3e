import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { StepValue } from '../template/index.js'
import { stepValue } from './context.js'

/** The latest result of every finished step, now or as of a revision. */
export async function loadResultsAt(sql: Sql, id: ExecutionId, asOf: number | null): Promise<Record<string, StepValue>> {
  const rows = await sql.rows<{ step: string; result: string | null; envelope: string }>(
    `SELECT DISTINCT ON (r.step) r.step, r.result::text AS result, r.envelope::text AS envelope
     FROM transient.step_run r
     LEFT JOIN transient.event e ON e.execution_id = r.execution_id AND e.seq = r.finished_seq
     WHERE r.execution_id = $1::bigint AND r.iteration IS NULL AND r.envelope IS NOT NULL
       AND ($2::bigint IS NULL OR e.revision <= $2::bigint)
     ORDER BY r.step, r.visit DESC`,
    id,
    asOf,
  )
  return Object.fromEntries(
    rows.map(({ step, result, envelope }) => [
      step,
      stepValue(result === null ? null : parseJson(result), parseJson(envelope) as JsonObject),
    ]),
  )
}
