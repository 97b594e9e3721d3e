// By hand: each statement here is in the way of every write or step, or of a watch, and most of them lock, which Prisma's client cannot say. What callers
// read of single executions is in `record-store.ts`.
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonValue, parseJson } from '../core/json.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import { sqlState } from '../db/errors.js'
import type { ExecutionEnding, ExecutionError, ExecutionRecord } from './record.js'

/** The columns of an `ExecutionRow`. */
export const EXECUTION_COLUMNS = `id, status, playbook_path, playbook_version, workload::text AS workload, payload::text AS payload, revision,
  event_seq, oldest_revision, run_seq, step_count, variable_count, variable_bytes, history_count, open_waits, ending::text AS ending, error::text AS error,
  parent_id, parent_task_id, depth, rerun_of, inherited::text AS inherited, sensitive::text AS sensitive, sealed::text AS sealed, created_at, created_at::text AS created_text, finished_at`

/** The same without what may be large. */
export const STATE_COLUMNS = ['workload', 'payload', 'inherited', 'sealed'].reduce(
  (columns, name) => columns.replace(`${name}::text AS ${name}`, `NULL::text AS ${name}`),
  EXECUTION_COLUMNS,
)

/** What an update of `transient.execution` sets whenever it changes something that somebody may see. */
export const CHANGED_NOW = "updated_at = now(), changed_minute = date_trunc('minute', now())"

const NOTHING: readonly string[] = []

/** One row as SQL gives it. */
export interface ExecutionRow {
  readonly id: bigint
  readonly status: ExecutionStatus
  readonly playbook_path: string | null
  readonly playbook_version: number | null
  readonly workload: string | null
  readonly payload: string | null
  readonly revision: bigint
  readonly event_seq: bigint
  readonly oldest_revision: bigint
  readonly run_seq: number
  readonly step_count: number
  readonly variable_count: number
  readonly variable_bytes: bigint
  readonly history_count: bigint
  readonly open_waits: number
  readonly ending: string | null
  readonly error: string | null
  readonly parent_id: bigint | null
  readonly parent_task_id: string | null
  readonly depth: number
  readonly rerun_of: bigint | null
  readonly inherited: string | null
  readonly sensitive: string | null
  readonly sealed: string | null
  readonly created_at: Date
  /** With microseconds, which a Date has not: the sort key of pages. */
  readonly created_text: string
  readonly finished_at: Date | null
}

/**
 * Locks an execution's row until the transaction ends: the first statement of everything that changes an execution. It
 * serialises the decisions of one execution, and makes revisions gapless.
 */
export async function lockExecution(tx: Sql, id: ExecutionId): Promise<ExecutionRecord | null> {
  const [row] = await tx.rows<ExecutionRow>(
    `SELECT ${EXECUTION_COLUMNS} FROM transient.execution WHERE id = $1::bigint FOR NO KEY UPDATE`,
    id,
  )
  return row === undefined ? null : toExecution(row)
}

/** Until so many variables, their count is compared with each write; beyond, with one in so many. */
const COUNTED = { always: 100, otherwise: 64 }

/** Of an execution: whether rows of its variables were inserted or deleted by plain SQL, so that its counters are not what is there. */
export function isDrifted({ id, count, seq }: { readonly id: string; readonly count: string; readonly seq: string }): string {
  const isCounted = `(${count} <= ${COUNTED.always} OR ${seq} % ${COUNTED.otherwise} = 0)`
  return `(${isCounted} AND ${count} <> (SELECT count(*) FROM noetl.transient v WHERE v.execution_id = ${id}))`
}

/** Of a row of `transient.execution`. */
export const IS_DRIFTED = `${isDrifted({ id: 'execution.id', count: 'variable_count', seq: 'event_seq' })} AS is_drifted`

/** How long a transaction waits for what others have locked: one of many executions hardly, as all of them wait with it. */
const LOCK_TIMEOUT = { alone: '10s', together: '30ms' }

/** An expression that sets that time for the rest of the transaction. */
export function lockTimeout(isAlone: boolean): string {
  return `set_config('lock_timeout', '${isAlone ? LOCK_TIMEOUT.alone : LOCK_TIMEOUT.together}', true)`
}

/** Whether a statement waited too long for what somebody else has locked. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03'
}

/** What a caller is told whose execution was locked all the time. */
export function explainLock(error: unknown): unknown {
  if (!isLockTimeout(error)) return error
  const message = `the execution, or a variable of it, has been locked by somebody else for ${LOCK_TIMEOUT.alone}: nothing was written; try again in a moment`
  return new TransientError('OVERLOADED', message, { cause: error })
}

/**
 * The statement that locks executions ($1, an array) in the order of their ids, so that two transactions never wait for each other. Unless
 * `isAlone`, those that others have locked are left out. Each is looked up by its key, whatever the planner takes the table's size for.
 */
export function lockedExecutions(columns: string, isAlone: boolean): string {
  return `SELECT e.* FROM (SELECT id, ${lockTimeout(isAlone)} AS wait FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) AS n(id)) n ORDER BY id) k
    CROSS JOIN LATERAL (
      SELECT ${columns} FROM transient.execution WHERE id = k.id FOR NO KEY UPDATE ${isAlone ? '' : 'SKIP LOCKED'}
    ) e`
}

/** Executions, not locked; null where there is none. */
export async function findExecutions(sql: Sql, ids: readonly ExecutionId[]): Promise<(ExecutionRecord | null)[]> {
  const rows = await sql.rows<ExecutionRow>(
    `SELECT ${EXECUTION_COLUMNS} FROM transient.execution WHERE id = ANY($1::bigint[])`,
    ids,
  )
  const found = new Map(rows.map((row) => [String(row.id), toExecution(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

/** One execution, not locked. */
export async function findExecution(sql: Sql, id: ExecutionId): Promise<ExecutionRecord | null> {
  const [row] = await sql.rows<ExecutionRow>(`SELECT ${EXECUTION_COLUMNS} FROM transient.execution WHERE id = $1::bigint`, id)
  return row === undefined ? null : toExecution(row)
}

/** The record of a row. */
export function toExecution(row: ExecutionRow): ExecutionRecord {
  return {
    id: String(row.id),
    status: row.status,
    playbookPath: row.playbook_path,
    playbookVersion: row.playbook_version,
    workload: fromJsonText(row.workload),
    payload: fromJsonText(row.payload),
    revision: Number(row.revision),
    eventSeq: Number(row.event_seq),
    oldestRevision: Number(row.oldest_revision),
    runSeq: row.run_seq,
    stepCount: row.step_count,
    variableCount: row.variable_count,
    variableBytes: Number(row.variable_bytes),
    historyCount: Number(row.history_count),
    openWaits: row.open_waits,
    ending: fromJsonText(row.ending) as ExecutionEnding | null,
    error: fromJsonText(row.error) as ExecutionError | null,
    parentId: row.parent_id === null ? null : String(row.parent_id),
    parentTaskId: row.parent_task_id,
    depth: row.depth,
    rerunOf: row.rerun_of === null ? null : String(row.rerun_of),
    inherited: fromJsonText(row.inherited),
    sensitive: row.sensitive === null ? NOTHING : (parseJson(row.sensitive) as string[]),
    sealed: row.sealed,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  }
}

/** The value of a nullable jsonb column that was read as text. */
export function fromJsonText(text: string | null): JsonValue {
  return text === null ? null : parseJson(text)
}
