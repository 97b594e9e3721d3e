import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import type { StepStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError } from '../executions/record.js'
import type { StepValue } from '../template/index.js'
import { stepValue } from './context.js'
import { parsed } from './run-store.js'
import type { IterationResult } from './types.js'

export interface FinishedStep {
  readonly executionId: ExecutionId
  readonly step: string
  readonly visit: number
  readonly value: StepValue
}

/** The latest result of each of these steps that has finished. */
export async function loadFinishedSteps(
  tx: Sql,
  keys: readonly { readonly executionId: ExecutionId; readonly name: string }[],
): Promise<FinishedStep[]> {
  if (keys.length === 0) return []
  const rows = await tx.rows<{ execution_id: bigint; step: string; visit: number; result: string | null; envelope: string }>(
    `SELECT s.execution_id, s.name AS step, r.visit, r.result::text AS result, r.envelope::text AS envelope
     FROM json_to_recordset($1::json) AS s (execution_id bigint, name text)
     CROSS JOIN LATERAL (
       SELECT visit, result, envelope FROM transient.step_run
       WHERE execution_id = s.execution_id AND step = s.name AND iteration IS NULL AND envelope IS NOT NULL
       ORDER BY visit DESC LIMIT 1) AS r`,
    JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name }))),
  )
  return rows.map((row) => ({ executionId: String(row.execution_id), step: row.step, visit: row.visit, value: stepOf(row) }))
}

/** The results that a rerun goes on from: `{step: {result, envelope}}`. */
export function inheritedSteps(inherited: JsonValue, names: readonly string[] | null): Record<string, StepValue> {
  if (!isJsonObject(inherited)) return {}
  const entries = Object.entries(inherited).filter(([name]) => names === null || names.includes(name))
  return Object.fromEntries(
    entries.map(([name, entry]) => {
      const { result = null, envelope = null } = entry as { result?: JsonValue; envelope?: JsonObject | null }
      return [name, stepValue(result, envelope)]
    }),
  )
}

/** The latest result of every step, now or as it was at a revision: an event's revision covers its step's result. */
export async function loadStepsAt(sql: Sql, executionId: ExecutionId, asOf: number | null): Promise<Record<string, StepValue>> {
  const rows = await sql.rows<{ step: string; result: string | null; envelope: string }>(
    `SELECT DISTINCT ON (r.step) r.step, r.result::text AS result, r.envelope::text AS envelope
     FROM transient.step_run r
     LEFT JOIN transient.event e ON e.execution_id = r.execution_id AND e.seq = r.finished_seq
     WHERE r.execution_id = $1::bigint AND r.iteration IS NULL AND r.envelope IS NOT NULL
       AND ($2::bigint IS NULL OR e.revision <= $2::bigint)
     ORDER BY r.step, r.visit DESC`,
    executionId,
    asOf,
  )
  return Object.fromEntries(rows.map((row) => [row.step, stepOf(row)]))
}

function stepOf(row: { result: string | null; envelope: string }): StepValue {
  return stepValue(parsed<JsonValue>(row.result, null), parseJson(row.envelope) as JsonObject)
}

export async function loadIterationResults(tx: Sql, executionId: ExecutionId, parentRun: number): Promise<IterationResult[]> {
  const rows = await tx.rows<{ status: StepStatus; result: string | null; error: string | null }>(
    `SELECT status, result::text AS result, error::text AS error FROM transient.step_run
     WHERE execution_id = $1::bigint AND parent_run = $2 AND iteration IS NOT NULL ORDER BY iteration`,
    executionId,
    parentRun,
  )
  return rows.map((row) => ({
    status: row.status,
    result: parsed<JsonValue>(row.result, null),
    error: row.error === null ? null : (parseJson(row.error) as unknown as ExecutionError),
  }))
}

/** `data` of a playbook step: the result of the child's last completed step, `end` where it ran. */
export async function loadFinalResult(sql: Sql, executionId: ExecutionId): Promise<JsonValue> {
  const rows = await sql.rows<{ result: string | null }>(
    `SELECT result::text AS result FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND status = 'succeeded'
     ORDER BY step = 'end' DESC, finished_seq DESC, run DESC LIMIT 1`,
    executionId,
  )
  return parsed<JsonValue>(rows[0]?.result ?? null, null)
}
