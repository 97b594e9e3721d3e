import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { StepStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError } from '../executions/record.js'
import type { StepValue } from '../template/index.js'
import { stepValue } from './context.js'
import type { IterationResult, LoopState, RunState } from './types.js'

interface RunRow {
  execution_id: bigint
  run: number
  step: string
  visit: number
  iteration: number | null
  parent_run: number | null
  status: StepStatus
  attempts: number
  is_prepared: boolean
  args: string | null
  item: string | null
  loop: string | null
  started_at: Date | null
}

function parsed<T extends JsonValue>(text: string | null, otherwise: T): T {
  return text === null ? otherwise : (parseJson(text) as T)
}

/** One run as the orchestrator works with it: without the results of an earlier end, which it has none of. */
export async function loadRun(tx: Sql, executionId: ExecutionId, run: number): Promise<RunState | null> {
  const rows = await tx.rows<RunRow>(
    `SELECT execution_id, run, step, visit, iteration, parent_run, status, attempts, is_prepared, args::text AS args,
       item::text AS item, loop::text AS loop, started_at
     FROM transient.step_run WHERE execution_id = $1::bigint AND run = $2`,
    executionId,
    run,
  )
  const row = rows[0]
  if (!row) return null
  return {
    executionId,
    run: row.run,
    step: row.step,
    visit: row.visit,
    iteration: row.iteration,
    parentRun: row.parent_run,
    status: row.status,
    attempts: row.attempts,
    isPrepared: row.is_prepared,
    args: parsed<JsonObject>(row.args, {}),
    item: parsed<JsonValue>(row.item, null),
    loop: row.loop === null ? null : (parseJson(row.loop) as unknown as LoopState),
    result: null,
    envelope: null,
    error: null,
    log: null,
    startedAt: row.started_at,
    finishedAt: null,
  }
}

/** The latest result of each named step that has finished. */
export async function loadSteps(tx: Sql, executionId: ExecutionId, names: readonly string[]): Promise<Record<string, StepValue>> {
  if (names.length === 0) return {}
  const rows = await tx.rows<{ step: string; result: string | null; envelope: string }>(
    `SELECT s.name AS step, r.result::text AS result, r.envelope::text AS envelope
     FROM jsonb_array_elements_text($2::jsonb) AS s (name)
     CROSS JOIN LATERAL (
       SELECT result, envelope FROM transient.step_run
       WHERE execution_id = $1::bigint AND step = s.name AND iteration IS NULL AND envelope IS NOT NULL
       ORDER BY visit DESC LIMIT 1) AS r`,
    executionId,
    JSON.stringify(names),
  )
  const steps: Record<string, StepValue> = {}
  for (const row of rows) {
    steps[row.step] = stepValue(parsed<JsonValue>(row.result, null), parseJson(row.envelope) as JsonObject)
  }
  return steps
}

/** The results that a rerun goes on from: `{step: {result, envelope}}`. */
export function inheritedSteps(inherited: JsonValue, names: readonly string[]): Record<string, StepValue> {
  if (!isJsonObject(inherited)) return {}
  const entries = Object.entries(inherited).filter(([name]) => names.includes(name))
  return Object.fromEntries(
    entries.map(([name, entry]) => {
      const { result = null, envelope = null } = entry as { result?: JsonValue; envelope?: JsonObject | null }
      return [name, stepValue(result, envelope)]
    }),
  )
}

/** Visits that are pending or running, but for one. */
export async function countLiveVisits(tx: Sql, executionId: ExecutionId, exceptRun: number): Promise<number> {
  const rows = await tx.rows<{ count: bigint }>(
    `SELECT count(*) AS count FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND status IN ('pending', 'running') AND run <> $2`,
    executionId,
    exceptRun,
  )
  return Number(rows[0]?.count ?? 0n)
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

export interface NewVisit {
  readonly executionId: ExecutionId
  readonly run: number
  readonly step: string
  readonly args: JsonObject
  readonly openedSeq: number
}

/** Opens a visit of a step; its number is counted here. */
export async function insertVisit(tx: Sql, visit: NewVisit): Promise<void> {
  await tx.run(
    `INSERT INTO transient.step_run (execution_id, run, step, visit, status, args, opened_seq)
     SELECT $1::bigint, $2::integer, $3, COALESCE(max(visit), 0) + 1, 'pending', $4::jsonb, $5::bigint
     FROM transient.step_run WHERE execution_id = $1::bigint AND step = $3 AND iteration IS NULL`,
    visit.executionId,
    visit.run,
    visit.step,
    Object.keys(visit.args).length === 0 ? null : stringifyJson(visit.args),
    visit.openedSeq,
  )
}

/** Writes one pending row per element, so that every iteration's input is durable before the first runs. */
export async function insertIterations(
  tx: Sql,
  loop: { readonly visit: RunState; readonly state: LoopState; readonly items: readonly JsonValue[]; readonly openedSeq: number },
): Promise<void> {
  const { visit, state } = loop
  await tx.run(
    `INSERT INTO transient.step_run (execution_id, run, step, visit, iteration, parent_run, status, args, item, opened_seq)
     SELECT $1::bigint, $2::integer + ord::integer - 1, $3, $4::integer, ord::integer - 1, $5::integer, 'pending',
       $6::jsonb, item, $7::bigint
     FROM jsonb_array_elements($8::jsonb) WITH ORDINALITY AS t (item, ord)`,
    visit.executionId,
    state.firstRun,
    visit.step,
    visit.visit,
    visit.run,
    Object.keys(visit.args).length === 0 ? null : stringifyJson(visit.args),
    loop.openedSeq,
    stringifyJson([...loop.items]),
  )
}

export async function startRun(
  tx: Sql,
  executionId: ExecutionId,
  { run, attempt }: { run: number; attempt: number },
): Promise<void> {
  await tx.run(
    `UPDATE transient.step_run
     SET status = 'running', attempts = $3, is_prepared = TRUE, started_at = COALESCE(started_at, now())
     WHERE execution_id = $1::bigint AND run = $2`,
    executionId,
    run,
    attempt,
  )
}

export interface FinishedRun {
  readonly run: number
  readonly status: StepStatus
  readonly result: JsonValue
  readonly envelope: JsonObject
  readonly error: ExecutionError | null
  readonly log: string | null
  readonly finishedSeq: number
}

export async function finishRun(tx: Sql, executionId: ExecutionId, finished: FinishedRun): Promise<void> {
  await tx.run(
    `UPDATE transient.step_run
     SET status = $3, result = $4::jsonb, envelope = $5::jsonb, error = $6::jsonb, log = COALESCE($7, log),
       finished_seq = $8::bigint, finished_at = now()
     WHERE execution_id = $1::bigint AND run = $2`,
    executionId,
    finished.run,
    finished.status,
    stringifyJson(finished.result),
    stringifyJson(finished.envelope),
    finished.error === null ? null : stringifyJson({ ...finished.error }),
    finished.log,
    finished.finishedSeq,
  )
}

export async function saveLog(tx: Sql, executionId: ExecutionId, { run, log }: { run: number; log: string }): Promise<void> {
  await tx.run('UPDATE transient.step_run SET log = $3 WHERE execution_id = $1::bigint AND run = $2', executionId, run, log)
}

export async function saveLoop(
  tx: Sql,
  executionId: ExecutionId,
  { run, loop }: { run: number; loop: LoopState },
): Promise<void> {
  await tx.run(
    'UPDATE transient.step_run SET loop = $3::jsonb WHERE execution_id = $1::bigint AND run = $2',
    executionId,
    run,
    stringifyJson({ ...loop, stopped: loop.stopped ? { ...loop.stopped } : null }),
  )
}

/** Ends what is still pending (`skipped`) or running (`cancelled`): of the whole execution, or of one iterator visit. */
export async function endRuns(
  tx: Sql,
  executionId: ExecutionId,
  { parentRun, finishedSeq }: { parentRun: number | null; finishedSeq: number },
): Promise<void> {
  await tx.run(
    `UPDATE transient.step_run
     SET status = CASE status WHEN 'pending' THEN 'skipped' ELSE 'cancelled' END, finished_at = now(), finished_seq = $3::bigint
     WHERE execution_id = $1::bigint AND status IN ('pending', 'running') AND ($2::integer IS NULL OR parent_run = $2::integer)`,
    executionId,
    parentRun,
    finishedSeq,
  )
}

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
