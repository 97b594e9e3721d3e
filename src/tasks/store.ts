// By hand: claims and the relay's rounds are guarded by what one statement compares and changes (SKIP LOCKED, fences), and run all the time (decision 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { formatTaskId, SYSTEM_POOL, type TaskKey, type TaskRecord, type TaskStatus } from './record.js'

export interface NewTask extends TaskKey {
  readonly pool: string
  readonly kind: string
  /** 0: due now, and ensured on the bus right after the commit. */
  readonly delayMs: number
}

export interface TaskRow {
  execution_id: bigint
  run: number
  attempt: number
  pool: string
  kind: string
  status: TaskStatus
  not_before: Date
  lease_until: Date | null
  token: string | null
  worker_id: string | null
  deliveries: number
  claimed_at: Date | null
  deadline: Date | null
  faults: number
  child_id: bigint | null
  input: string | null
  sealed: string | null
}

export const TASK_COLUMNS = `execution_id, run, attempt, pool, kind, status, not_before, lease_until, token, worker_id, deliveries, claimed_at,
  deadline, faults, child_id, input::text AS input, sealed`

/** The record of a row. */
export function toTask(row: TaskRow): TaskRecord {
  return {
    executionId: String(row.execution_id),
    run: row.run,
    attempt: row.attempt,
    pool: row.pool,
    kind: row.kind,
    status: row.status,
    notBefore: row.not_before,
    leaseUntil: row.lease_until,
    token: row.token,
    workerId: row.worker_id,
    deliveries: row.deliveries,
    claimedAt: row.claimed_at,
    deadline: row.deadline,
    faults: row.faults,
    childId: row.child_id === null ? null : String(row.child_id),
    input: row.input === null ? null : (parseJson(row.input) as JsonObject),
    sealed: row.sealed,
  }
}

/** A new task as a row of JSON. */
export function newTaskRow(task: NewTask) {
  const { executionId: execution_id, run, attempt, pool, kind, delayMs: delay_ms } = task
  return { execution_id, run, attempt, pool, kind, delay_ms }
}

export async function findTask(sql: Sql, { executionId, run, attempt }: TaskKey): Promise<TaskRecord | null> {
  const statement = `SELECT ${TASK_COLUMNS} FROM transient.task WHERE execution_id = $1::bigint AND run = $2 AND attempt = $3`
  const [row] = await sql.rows<TaskRow>(statement, executionId, run, attempt)
  return row ? toTask(row) : null
}

export interface Lease {
  readonly token: string
  readonly leaseMs: number
}

/** A worker's own report of its timeout may come so much later than the deadline: it says more than the server can. */
const GRACE = `interval '2 seconds'`

/** Of a task `t` that was still held at its deadline: nobody else gets it, and the relay ends it. */
const isTimedOut = (t: string) => `(${t}.deadline < now() AND ${t}.lease_until >= ${t}.deadline)`

/** Of a task `t`: it is open, due, and held by nobody. */
export const isFree = (t: string) =>
  `(${t}.status = 'open' AND ${t}.not_before <= now() AND (${t}.lease_until IS NULL OR ${t}.lease_until < now()) AND ${isTimedOut(t)} IS NOT TRUE)`

/** Of a task `t`: its attempt, or the child that it waits for, did not end in its time; two cases, each of which has an index of its few tasks. */
const isLate = (t: string) =>
  `((${t}.status = 'waiting' AND ${t}.deadline < now()) OR (${t}.status = 'open' AND ${t}.deadline < now() - ${GRACE} AND ${isTimedOut(t)}))`

/** The same as a value: never NULL. */
export const isOverdue = (t: string) => `(${isLate(t)} IS TRUE)`

/** Extends a lease that is still held, while the attempt has time left; null when it is not, or has none. */
export async function extendLease(sql: Sql, key: TaskKey, lease: Lease): Promise<TaskRecord | null> {
  const rows = await sql.rows<TaskRow>(
    `UPDATE transient.task SET lease_until = now() + $5 * interval '1 millisecond'
     WHERE execution_id = $1::bigint AND run = $2 AND attempt = $3 AND status = 'open' AND token = $4
       AND (deadline IS NULL OR deadline >= now() - ${GRACE})
     RETURNING ${TASK_COLUMNS}`,
    key.executionId,
    key.run,
    key.attempt,
    lease.token,
    lease.leaseMs,
  )
  return rows[0] ? toTask(rows[0]) : null
}

/** Gives a lease back that is still held: the task waits again, and this delivery does not count. null when it is not held. */
export async function releaseLease(sql: Sql, key: TaskKey, token: string): Promise<TaskRecord | null> {
  const rows = await sql.rows<TaskRow>(
    `UPDATE transient.task
     SET lease_until = NULL, deadline = NULL, token = NULL, worker_id = NULL, deliveries = deliveries - 1, ensured_at = now()
     WHERE execution_id = $1::bigint AND run = $2 AND attempt = $3 AND status = 'open' AND token = $4
     RETURNING ${TASK_COLUMNS}`,
    key.executionId,
    key.run,
    key.attempt,
    token,
  )
  return rows[0] ? toTask(rows[0]) : null
}

/**
 * Open, due tasks that are neither leased nor ensured within a lease time; marks them as ensured. Executions take turns: one with
 * ten thousand due tasks keeps no other waiting.
 */
export async function takeDueTasks(sql: Sql, leaseMs: number, limit: number): Promise<TaskRecord[]> {
  const isDue = `${isFree('t')} AND (t.ensured_at IS NULL OR t.ensured_at < now() - $1 * interval '1 millisecond')`
  const rows = await sql.rows<TaskRow>(
    `UPDATE transient.task SET ensured_at = now()
     WHERE (execution_id, run, attempt) IN (
       SELECT execution_id, run, attempt FROM transient.task t
       WHERE ${isDue} AND (execution_id, run, attempt) IN (
         SELECT execution_id, run, attempt FROM (${inTurns(isDue)}) due ORDER BY turn, not_before LIMIT $2)
       FOR UPDATE SKIP LOCKED)
     RETURNING ${TASK_COLUMNS}`,
    leaseMs,
    limit,
  )
  return rows.map(toTask)
}

/** A decision about a task failed for no reason of the step's own; the relay offers it again. */
export async function noteFault(sql: Sql, key: TaskKey): Promise<void> {
  await sql.run(
    `UPDATE transient.task SET faults = faults + 1, ensured_at = NULL
     WHERE execution_id = $1::bigint AND run = $2 AND attempt = $3 AND status IN ('open', 'waiting')`,
    key.executionId,
    key.run,
    key.attempt,
  )
}

/** Tasks with the turn that each has among those of its execution; none of executions that are paused. */
function inTurns(condition: string): string {
  return `SELECT t.*, row_number() OVER (PARTITION BY execution_id ORDER BY not_before, run) AS turn FROM transient.task t
    WHERE ${condition} AND t.execution_id NOT IN (SELECT id FROM transient.execution WHERE status = 'paused')`
}

/** The bus does not have these tasks (null: may have lost any): the relay offers them as soon as nobody holds them. */
export async function forgetEnsured(sql: Sql, keys: readonly TaskKey[] | null): Promise<void> {
  await sql.run(
    `UPDATE transient.task SET ensured_at = NULL
     WHERE status = 'open' AND ensured_at IS NOT NULL AND ($1::json IS NULL OR (execution_id, run, attempt) IN (
       SELECT "executionId", run, attempt FROM json_to_recordset($1::json) AS t ("executionId" bigint, run integer, attempt integer)))`,
    keys === null ? null : JSON.stringify(keys.map(({ executionId, run, attempt }) => ({ executionId, run, attempt }))),
  )
}

/** When an execution was last given a turn, in milliseconds before now. */
export interface LastTurn {
  readonly id: ExecutionId
  readonly ms: number
}

/** Tasks of a pool that a worker could claim now. Executions take turns: that which came, or had its last turn, longest ago is first. */
export async function listClaimable(sql: Sql, pool: string, limit: number, served: readonly LastTurn[]): Promise<TaskRecord[]> {
  const rows = await sql.rows<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM (${inTurns(`${isFree('t')} AND t.pool = $1`)}) due
     LEFT JOIN json_to_recordset($3::json) AS served (id bigint, ms double precision) ON served.id = due.execution_id
     ORDER BY turn, greatest(not_before, now() - served.ms * interval '1 millisecond'), run LIMIT $2`,
    pool,
    limit,
    JSON.stringify(served),
  )
  return rows.map(toTask)
}

/** A place in a list that is read over rounds; null: its beginning. */
export type After = TaskKey | null
const follows = `($2::bigint IS NULL OR (execution_id, run, attempt) > ($2::bigint, $3::integer, $4::integer))
  ORDER BY execution_id, run, attempt LIMIT $1`

const placeOf = (after: After) => [after?.executionId ?? null, after?.run ?? null, after?.attempt ?? null] as const

/** Tasks that wait for a child that has ended, or that was never made (the process died in between). */
export async function listResumable(sql: Sql, limit: number, after: After): Promise<TaskRecord[]> {
  const rows = await sql.rows<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM transient.task
     WHERE status = 'waiting' AND child_id IS NOT NULL AND ((SELECT c.status FROM transient.execution c WHERE c.id = child_id) IN ('pending', 'running', 'paused')) IS NOT TRUE
       AND ${follows}`,
    limit,
    ...placeOf(after),
  )
  return rows.map(toTask)
}

/** Tasks whose attempt, or whose child, did not end in its time. */
export async function listOverdue(sql: Sql, limit: number, after: After): Promise<TaskRecord[]> {
  const rows = await sql.rows<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM transient.task t WHERE ${isLate('t')} AND ${follows}`,
    limit,
    ...placeOf(after),
  )
  return rows.map(toTask)
}

/** Child executions that still run although nobody waits for them: their parent, or the task that started them, has ended. */
export async function listOrphans(sql: Sql, limit: number, after: ExecutionId | null): Promise<ExecutionId[]> {
  const rows = await sql.rows<{ id: bigint }>(
    `SELECT c.id FROM transient.execution c
     WHERE c.status IN ('running', 'paused') AND c.parent_task_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM transient.task t
       WHERE t.execution_id = c.parent_id AND t.run = split_part(c.parent_task_id, '-', 2)::integer
         AND t.attempt = split_part(c.parent_task_id, '-', 3)::integer AND t.status = 'waiting')
       AND ($2::bigint IS NULL OR c.id > $2::bigint)
     ORDER BY c.id LIMIT $1`,
    limit,
    after,
  )
  return rows.map((row) => String(row.id))
}

/** After a restart of the only process: its leases are void and count nothing, and everything open is offered again. */
export async function voidLeases(sql: Sql, workerId: string): Promise<void> {
  await sql.run(
    `UPDATE transient.task
     SET ensured_at = NULL,
       deliveries = CASE WHEN worker_id = $1 AND lease_until IS NOT NULL THEN deliveries - 1 ELSE deliveries END,
       lease_until = CASE WHEN worker_id = $1 THEN NULL ELSE lease_until END
     WHERE status = 'open'`,
    workerId,
  )
}

export interface OpenTasks {
  readonly pool: string
  readonly count: number
  /** The longest that a due task which nobody holds has waited; 0 where there is none. */
  readonly lagSeconds: number
}

/** Open tasks by pool. */
export async function countOpenTasks(sql: Sql): Promise<OpenTasks[]> {
  const rows = await sql.rows<{ pool: string; count: bigint; lag_ms: bigint }>(
    `SELECT pool, count(*) AS count,
       COALESCE(max(extract(epoch FROM now() - not_before) * 1000)
         FILTER (WHERE not_before <= now() AND (lease_until IS NULL OR lease_until < now())), 0)::bigint AS lag_ms
     FROM transient.task WHERE status = 'open' GROUP BY pool`,
  )
  return rows.map((row) => ({ pool: row.pool, count: Number(row.count), lagSeconds: Number(row.lag_ms) / 1000 }))
}

/** The task of a pool that has waited longest. */
export interface WaitingTask {
  readonly pool: string
  readonly id: string
  readonly deliveries: number
}

/** Of each pool of which nobody holds a task now: the due task that has waited longest. */
export async function listUnservedPools(sql: Sql): Promise<WaitingTask[]> {
  const rows = await sql.rows<{ pool: string; execution_id: bigint; run: number; attempt: number; deliveries: number }>(
    `SELECT DISTINCT ON (pool) pool, execution_id, run, attempt, deliveries FROM transient.task t
     WHERE ${isFree('t')} AND pool <> $1 AND NOT EXISTS (
       SELECT 1 FROM transient.task held WHERE held.status = 'open' AND held.pool = t.pool AND held.lease_until >= now())
     ORDER BY pool, not_before, run, execution_id`,
    SYSTEM_POOL,
  )
  return rows.map(({ pool, execution_id, run, attempt, deliveries }) => ({
    ...{ pool, deliveries },
    id: formatTaskId({ executionId: String(execution_id), run, attempt }),
  }))
}
