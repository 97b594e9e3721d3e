// By hand, inside the transactions of steps: iterations are inserted as one array of JSON, however many there are (decision 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { type StepRunKeys, toStepRunKeys, type WaitState } from '../executions/record.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { MASK } from '../sealing/mask.js'
import type { TaskKey, TaskRecord } from '../tasks/record.js'
import { isFree, isOverdue, type TaskRow, toTask } from '../tasks/store.js'
import type { BranchState, IterationsInsert, LoopState, RunState, ToolsState } from './run.js'
import { openRun, sealItem } from './run.js'

export interface RunRow extends StepRunKeys {
  is_prepared: boolean
  args: string | null
  locals: string | null
  branch: string | null
  item: string | null
  loop: string | null
  tools: string | null
  wait: string | null
  started_at: Date | null
  sealed: string | null
}

/** The columns of a `RunRow`, of the alias `r`. */
const RUN_COLUMNS = `r.execution_id, r.run, r.step, r.visit, r.iteration, r.parent_run, r.status, r.attempts, r.is_prepared, r.args::text AS args, r.locals::text AS locals, r.branch::text AS branch,
  r.item::text AS item, r.loop::text AS loop, r.tools::text AS tools, r.wait::text AS wait, r.started_at, r.sealed`

/** A jsonb column read as text. */
export function parsed<T extends JsonValue>(text: string | null, otherwise: T): T {
  return text === null ? otherwise : (parseJson(text) as T)
}

type Prefixed<P extends string, Row> = { readonly [K in keyof Row & string as `${P}${K}`]: Row[K] }

interface WorkRow extends Prefixed<'t_', TaskRow>, Prefixed<'r_', RunRow> {
  readonly p_run: number | null
  readonly is_free: boolean
  readonly is_overdue: boolean
  readonly held_seconds: number | null
  readonly now: Date
  readonly live_visits: bigint
}

/** A task as it was loaded, by the database's clock. */
export interface LoadedTask {
  readonly task: TaskRecord
  /** It is open, due and held by nobody. */
  readonly isFree: boolean
  /** Its attempt, or the child that it waits for, did not end in its time. */
  readonly isOverdue: boolean
  /** How long its worker has had it; null: none has. */
  readonly heldSeconds: number | null
  readonly now: Date
}

/** A task with its run, and the iterator's visit where that is an iteration. */
export interface LoadedWork extends LoadedTask {
  readonly run: RunState
  readonly parent: RunState | null
  /** Pending or running visits of the execution. */
  readonly liveVisits: number
}

const TASK = [
  'execution_id',
  'run',
  'attempt',
  'pool',
  'kind',
  'status',
  'not_before',
  'lease_until',
  'token',
  'worker_id',
  'deliveries',
  'claimed_at',
  'deadline',
  'faults',
  'sealed',
]
const RUN = [
  'execution_id',
  'run',
  'step',
  'visit',
  'iteration',
  'parent_run',
  'status',
  'attempts',
  'is_prepared',
  'started_at',
  'sealed',
]
const RUN_TEXTS = ['args', 'locals', 'branch', 'item', 'loop', 'tools', 'wait']
const columns = (alias: string, names: readonly string[]) =>
  names.map((name) => `${alias}.${name} AS ${alias}_${name}`).join(', ')
const texts = (alias: string, names: readonly string[]) =>
  names.map((name) => `${alias}.${name}::text AS ${alias}_${name}`).join(', ')

/**
 * These tasks, of executions that this transaction has locked: only heartbeats and releases touch them meanwhile, so they are
 * locked too. The executions are locked again, as the statement that did so may travel in the same packet. `% 1 = 0` is always true: it makes the planner expect one row instead of a hundred, so that it uses the keys' indexes
 * also while the tables are small.
 */
const LOAD_TASKS = `
SELECT ${columns('t', TASK)}, t.child_id AS t_child_id, ${texts('t', ['input'])},
  ${columns('r', RUN)}, ${texts('r', RUN_TEXTS)},
  ${columns('p', RUN)}, ${texts('p', RUN_TEXTS)},
  ${isFree('t')} AS is_free, ${isOverdue('t')} AS is_overdue,
  extract(epoch FROM now() - t.claimed_at)::double precision AS held_seconds,
  now() AS now,
  (SELECT count(*) FROM transient.step_run v
   WHERE v.execution_id = t.execution_id AND v.iteration IS NULL AND v.status IN ('pending', 'running', 'waiting')) AS live_visits
FROM json_to_recordset($1::json) AS k (execution_id bigint, run integer, attempt integer)
CROSS JOIN LATERAL (SELECT FROM transient.execution WHERE id = k.execution_id FOR NO KEY UPDATE SKIP LOCKED) mine
JOIN transient.task t ON t.execution_id = k.execution_id AND t.run = k.run AND t.attempt = k.attempt
JOIN transient.step_run r ON r.execution_id = t.execution_id AND r.run = t.run
LEFT JOIN transient.step_run p ON p.execution_id = r.execution_id AND p.run = r.parent_run
WHERE k.run % 1 = 0
FOR NO KEY UPDATE OF t`

export async function loadTasks(tx: Sql, keys: readonly TaskKey[], keyRing: KeyRing): Promise<LoadedWork[]> {
  if (keys.length === 0) return []
  const run = (row: RunRow) => openRun(toRun(row), row.sealed, keyRing)
  const rows = await tx.rows<WorkRow>(
    LOAD_TASKS,
    JSON.stringify(keys.map(({ executionId, run, attempt }) => ({ execution_id: executionId, run, attempt }))),
  )
  return rows.map((row) => ({
    task: toTask(part<TaskRow>(row, OF_TASK)),
    run: run(part<RunRow>(row, OF_RUN)),
    parent: row.p_run === null ? null : run(part<RunRow>(row, OF_PARENT)),
    isFree: row.is_free,
    isOverdue: row.is_overdue,
    heldSeconds: row.held_seconds,
    now: row.now,
    liveVisits: Number(row.live_visits),
  }))
}

const namesOf = (prefix: string, names: readonly string[]) => names.map((name) => [name, `${prefix}${name}`] as const)
const OF_TASK = namesOf('t_', [...TASK, 'child_id', 'input'])
const OF_RUN = namesOf('r_', [...RUN, ...RUN_TEXTS])
const OF_PARENT = namesOf('p_', [...RUN, ...RUN_TEXTS])

function part<Row>(row: WorkRow, names: readonly (readonly [name: string, column: string])[]): Row {
  const found: Record<string, unknown> = {}
  for (const [name, column] of names) found[name] = row[column as keyof WorkRow]
  return found as Row
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

/** Visits that have not ended, and the latest visit of each of these steps. */
export async function loadBranches(
  sql: Sql,
  { executionId, joins, keyRing }: { executionId: ExecutionId; joins: readonly string[]; keyRing: KeyRing },
): Promise<RunState[]> {
  const rows = await sql.rows<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM transient.step_run r
     WHERE r.execution_id = $1::bigint AND r.iteration IS NULL AND r.status IN ('pending', 'running', 'waiting')
     UNION ALL
     SELECT r.* FROM unnest($2::text[]) AS j (step) CROSS JOIN LATERAL (
       SELECT ${RUN_COLUMNS} FROM transient.step_run r
       WHERE r.execution_id = $1::bigint AND r.step = j.step AND r.iteration IS NULL ORDER BY r.visit DESC LIMIT 1
     ) r WHERE r.status NOT IN ('pending', 'running', 'waiting')`,
    executionId,
    joins,
  )
  return rows.map((row) => openRun(toRun(row), row.sealed, keyRing))
}

/** The state of a row; of a sensitive run `openRun` gives what the mask hides. */
export function toRun(row: RunRow): RunState {
  return {
    ...toStepRunKeys(row),
    isPrepared: row.is_prepared,
    isSensitive: row.sealed !== null,
    fault: null,
    args: parsed<JsonObject>(row.args, {}),
    locals: parsed<JsonObject | null>(row.locals, null),
    branch: row.branch === null ? null : (parseJson(row.branch) as unknown as BranchState),
    item: parsed<JsonValue>(row.item, null),
    loop: row.loop === null ? null : (parseJson(row.loop) as unknown as LoopState),
    tools: row.tools === null ? null : (parseJson(row.tools) as unknown as ToolsState),
    wait: row.wait === null ? null : (parseJson(row.wait) as unknown as WaitState),
    result: null,
    envelope: null,
    error: null,
    log: null,
    startedAt: row.started_at,
    finishedAt: null,
  }
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

/** Ends what is still pending (`skipped`), running or waiting (`cancelled`): of the whole execution, or of one iterator visit. */
export async function endRuns(
  tx: Sql,
  executionId: ExecutionId,
  { parentRun, except = null, finishedSeq }: { parentRun: number | null; except?: number | null; finishedSeq: number },
): Promise<void> {
  await tx.run(
    `UPDATE transient.step_run
     SET status = CASE status WHEN 'pending' THEN 'skipped' ELSE 'cancelled' END, finished_at = now(), finished_seq = $3::bigint
     WHERE execution_id = $1::bigint AND status IN ('pending', 'running', 'waiting') AND ($2::integer IS NULL OR parent_run = $2::integer)
       AND run IS DISTINCT FROM $4::integer`,
    executionId,
    parentRun,
    finishedSeq,
    except,
  )
}
