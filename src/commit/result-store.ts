// By hand: every step that names another's result asks this, and the latest visit of each step is a DISTINCT ON (decision 24).
import { isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import type { StepStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError } from '../executions/record.js'
import { isMissingKey, type KeyRing } from '../sealing/key-ring.js'
import type { StepValue } from '../template/index.js'
import { hiddenOf, type IterationResult, type RunState, stepValue } from './run.js'
import { parsed } from './run-store.js'

export interface FinishedStep {
  readonly executionId: ExecutionId
  readonly step: string
  readonly visit: number
  /** The mask where it is sensitive. */
  readonly value: StepValue
  readonly run: number
  readonly sealed: string | null
}

interface FinishedRow {
  readonly execution_id: bigint
  readonly step: string
  readonly run: number
  readonly visit: number
  readonly result: string | null
  readonly envelope: string
  readonly sealed: string | null
}

/** The latest result of each of these steps that has finished. */
export async function loadFinishedSteps(
  tx: Sql,
  keys: readonly { readonly executionId: ExecutionId; readonly name: string }[],
): Promise<FinishedStep[]> {
  if (keys.length === 0) return []
  const rows = await tx.rows<FinishedRow>(
    `SELECT s.execution_id, s.name AS step, r.run, r.sealed, r.visit, r.result::text AS result, r.envelope::text AS envelope
     FROM json_to_recordset($1::json) AS s (execution_id bigint, name text)
     CROSS JOIN LATERAL (
       SELECT run, visit, result, envelope, sealed FROM transient.step_run
       WHERE execution_id = s.execution_id AND step = s.name AND iteration IS NULL AND envelope IS NOT NULL
       ORDER BY visit DESC LIMIT 1) AS r`,
    JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name }))),
  )
  return rows.map((row) => {
    const { step, visit, run, sealed } = row
    return { executionId: String(row.execution_id), step, visit, run, sealed, value: stepOf(row) }
  })
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

interface StepsAt {
  readonly steps: Record<string, StepValue>
  /** Names of those that are sensitive: here stand their masks. */
  readonly sensitive: ReadonlySet<string>
}

/** The latest result of every step, now or as it was at a revision: an event's revision covers its step's result. */
export async function loadStepsAt(sql: Sql, executionId: ExecutionId, asOf: number | null): Promise<StepsAt> {
  const rows = await sql.rows<{ step: string; result: string | null; envelope: string; sealed: string | null }>(
    `SELECT DISTINCT ON (r.step) r.step, r.sealed, r.result::text AS result, r.envelope::text AS envelope
     FROM transient.step_run r
     LEFT JOIN transient.event e ON e.execution_id = r.execution_id AND e.seq = r.finished_seq
     WHERE r.execution_id = $1::bigint AND r.iteration IS NULL AND r.envelope IS NOT NULL
       AND ($2::bigint IS NULL OR e.revision <= $2::bigint)
     ORDER BY r.step, r.visit DESC`,
    executionId,
    asOf,
  )
  const hidden = rows.filter(({ sealed }) => sealed !== null)
  return {
    steps: Object.fromEntries(rows.map((row) => [row.step, stepOf(row)])),
    sensitive: new Set(hidden.map(({ step }) => step)),
  }
}

function stepOf(row: { result: string | null; envelope: string }): StepValue {
  return stepValue(parsed<JsonValue>(row.result, null), parseJson(row.envelope) as JsonObject)
}

interface IterationRow {
  readonly run: number
  readonly status: StepStatus
  readonly result: string | null
  readonly error: string | null
  readonly sealed: string | null
}

/** The results of one visit's iterations, in order; of one whose key is lost, that error. */
export async function loadIterationResults(
  tx: Sql,
  { executionId, run: parentRun }: Pick<RunState, 'executionId' | 'run'>,
  keyRing: KeyRing,
): Promise<IterationResult[]> {
  const rows = await tx.rows<IterationRow>(
    `SELECT run, status, result::text AS result, error::text AS error, sealed FROM transient.step_run
     WHERE execution_id = $1::bigint AND parent_run = $2 AND iteration IS NOT NULL ORDER BY iteration`,
    executionId,
    parentRun,
  )
  return rows.map((row) => {
    const shown = {
      status: row.status,
      result: parsed<JsonValue>(row.result, null),
      error: errorIn(row.error),
      isSensitive: false,
    }
    return row.sealed === null ? shown : openResult(row.sealed, { ...shown, executionId, run: row.run }, keyRing)
  })
}

function errorIn(text: string | null): ExecutionError | null {
  return text === null ? null : (parseJson(text) as unknown as ExecutionError)
}

function openResult(
  sealed: string,
  { status, executionId, run }: Pick<RunState, 'status' | 'executionId' | 'run'>,
  keyRing: KeyRing,
): IterationResult {
  try {
    const { result, error } = hiddenOf(sealed, { executionId, run }, keyRing)
    return { status, result, error, isSensitive: true }
  } catch (error) {
    if (!isTransientError(error) || isMissingKey(error)) throw error
    const { code, message } = error
    return { status: 'failed', result: null, error: { code, message, step: null, attempt: null }, isSensitive: true }
  }
}

/** `data` of a playbook step: the result of the child's last completed step, `end` where it ran. @throws TransientError INTERNAL */
export async function loadFinalResult(
  sql: Sql,
  executionId: ExecutionId,
  keyRing: KeyRing,
): Promise<{ readonly data: JsonValue; readonly isSensitive: boolean }> {
  const [row] = await sql.rows<{ run: number; result: string | null; sealed: string | null }>(
    `SELECT run, result::text AS result, sealed FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND status = 'succeeded'
     ORDER BY step = 'end' DESC, finished_seq DESC, run DESC LIMIT 1`,
    executionId,
  )
  if (row === undefined) return { data: null, isSensitive: false }
  if (row.sealed === null) return { data: parsed<JsonValue>(row.result, null), isSensitive: false }
  return { data: hiddenOf(row.sealed, { executionId, run: row.run }, keyRing).result, isSensitive: true }
}
