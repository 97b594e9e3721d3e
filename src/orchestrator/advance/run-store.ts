// By hand, inside the transactions of steps: iterations are inserted as one array of JSON, however many there are (decision 24).
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import { type StepRunKeys, toStepRunKeys } from '../../executions/record.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { MASK } from '../../sealing/mask.js'
import type { LoopState, RunState, ToolsState } from '../decide/types.js'
import { sealItem } from './sealed-run.js'

export interface RunRow extends StepRunKeys {
  is_prepared: boolean
  args: string | null
  item: string | null
  loop: string | null
  tools: string | null
  started_at: Date | null
  sealed: string | null
}

/** The columns of a `RunRow`, of the alias `r`. */
const RUN_COLUMNS = `r.execution_id, r.run, r.step, r.visit, r.iteration, r.parent_run, r.status, r.attempts, r.is_prepared, r.args::text AS args,
  r.item::text AS item, r.loop::text AS loop, r.tools::text AS tools, r.started_at, r.sealed`

/** A jsonb column read as text. */
export function parsed<T extends JsonValue>(text: string | null, otherwise: T): T {
  return text === null ? otherwise : (parseJson(text) as T)
}

/** One run as the orchestrator works with it: without the results of an earlier end, which it has none of. */
export async function loadRun(sql: Sql, executionId: ExecutionId, run: number): Promise<RunState | null> {
  const rows = await sql.rows<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM transient.step_run r WHERE r.execution_id = $1::bigint AND r.run = $2::integer`,
    executionId,
    run,
  )
  return rows[0] ? toRun(rows[0]) : null
}

/** The state of a row; of a sensitive run `openRun` gives what the mask hides. */
export function toRun(row: RunRow): RunState {
  return {
    ...toStepRunKeys(row),
    isPrepared: row.is_prepared,
    isSensitive: row.sealed !== null,
    fault: null,
    args: parsed<JsonObject>(row.args, {}),
    item: parsed<JsonValue>(row.item, null),
    loop: row.loop === null ? null : (parseJson(row.loop) as unknown as LoopState),
    tools: row.tools === null ? null : (parseJson(row.tools) as unknown as ToolsState),
    result: null,
    envelope: null,
    error: null,
    log: null,
    startedAt: row.started_at,
    finishedAt: null,
  }
}

export interface IterationsInsert {
  readonly visit: RunState
  readonly state: LoopState
  readonly items: readonly JsonValue[]
  readonly openedSeq: number
}

/** Writes one pending row per element, so that every iteration's input is durable before the first runs. */
export async function insertIterations(tx: Sql, insert: IterationsInsert, keyRing: KeyRing): Promise<void> {
  const { visit, state, items, openedSeq } = insert
  const isSensitive = visit.isSensitive
  const sealed = isSensitive ? items.map((item, index) => sealItem(visit, state.firstRun + index, item, keyRing)) : null
  const hasArgs = !isSensitive && Object.keys(visit.args).length > 0
  await tx.run(
    `INSERT INTO transient.step_run (execution_id, run, step, visit, iteration, parent_run, status, args, item, sealed, opened_seq)
     SELECT $1::bigint, $2::integer + ord::integer - 1, $3, $4::integer, ord::integer - 1, $5::integer, 'pending',
       $6::jsonb, item, sealed, $7::bigint
     FROM jsonb_array_elements($8::jsonb) WITH ORDINALITY AS t (item, ord)
     LEFT JOIN unnest($9::text[]) WITH ORDINALITY AS s (sealed, ord) USING (ord)`,
    visit.executionId,
    state.firstRun,
    visit.step,
    visit.visit,
    visit.run,
    hasArgs ? stringifyJson(visit.args) : null,
    openedSeq,
    stringifyJson(isSensitive ? items.map(() => MASK) : [...items]),
    sealed,
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
