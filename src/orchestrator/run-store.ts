import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { StepStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError } from '../executions/record.js'
import type { LoopState, RunState } from './types.js'

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

/** A jsonb column read as text. */
export function parsed<T extends JsonValue>(text: string | null, otherwise: T): T {
  return text === null ? otherwise : (parseJson(text) as T)
}

/** One run as the orchestrator works with it: without the results of an earlier end, which it has none of. */
export async function loadRun(tx: Sql, executionId: ExecutionId, run: number): Promise<RunState | null> {
  return (await loadRunAndParent(tx, executionId, run))?.run ?? null
}

/** A run, and the iterator's visit where it is an iteration. */
export async function loadRunAndParent(
  tx: Sql,
  executionId: ExecutionId,
  run: number,
): Promise<{ run: RunState; parent: RunState | null } | null> {
  const rows = await tx.rows<RunRow>(
    `SELECT execution_id, run, step, visit, iteration, parent_run, status, attempts, is_prepared, args::text AS args,
       item::text AS item, loop::text AS loop, started_at
     FROM transient.step_run
     WHERE execution_id = $1::bigint
       AND run IN ($2::integer, (SELECT parent_run FROM transient.step_run WHERE execution_id = $1::bigint AND run = $2::integer))`,
    executionId,
    run,
  )
  const found = rows.find((row) => row.run === run)
  const parent = rows.find((row) => row.run !== run)
  return found ? { run: toRun(executionId, found), parent: parent ? toRun(executionId, parent) : null } : null
}

function toRun(executionId: ExecutionId, row: RunRow): RunState {
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
