// By hand: each statement here is in the way of every write or step, or of a watch, and most of them lock, which Prisma's client cannot say. What callers
// read of single executions is in `record-store.ts`.
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Sql, SqlParameter } from '../db/database.js'
import { sqlState } from '../db/errors.js'
import type { ExecutionError, ExecutionRecord } from './record.js'

/** The columns of an `ExecutionRow`. */
export const EXECUTION_COLUMNS = `id, status, playbook_path, playbook_version, workload::text AS workload, payload::text AS payload, revision,
  event_seq, oldest_revision, run_seq, step_count, variable_count, variable_bytes, history_count, error::text AS error,
  parent_id, parent_task_id, depth, rerun_of, inherited::text AS inherited, sensitive::text AS sensitive, sealed::text AS sealed, created_at, created_at::text AS created_text, finished_at`

/** The same without what may be large. */
export const STATE_COLUMNS = ['workload', 'payload', 'inherited', 'sealed'].reduce(
  (columns, name) => columns.replace(`${name}::text AS ${name}`, `NULL::text AS ${name}`),
  EXECUTION_COLUMNS,
)

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

/** The columns that change during an execution's life. */
export interface ExecutionPatch {
  readonly status?: ExecutionStatus
  readonly workload?: JsonValue
  readonly revision?: number
  readonly eventSeq?: number
  readonly oldestRevision?: number
  readonly runSeq?: number
  readonly stepCount?: number
  readonly variableCount?: number
  readonly variableBytes?: number
  readonly historyCount?: number
  readonly error?: ExecutionError | null
  readonly finishedAt?: Date | null
}

/** One fact to record: past tense, `step.completed`. */
export interface NewEvent {
  readonly name: string
  readonly step?: string | null
  readonly run?: number | null
  readonly attempt?: number | null
  readonly data?: JsonObject | null
}

interface AppendRequest {
  readonly executionId: ExecutionId
  /** The execution's `event_seq` before. */
  readonly eventSeq: number
  /** The execution's revision after this transaction. */
  readonly revision: number
  readonly events: readonly NewEvent[]
}

const PATCH_TYPES = {
  status: ['status', 'text'],
  workload: ['workload', 'jsonb'],
  revision: ['revision', 'bigint'],
  eventSeq: ['event_seq', 'bigint'],
  oldestRevision: ['oldest_revision', 'bigint'],
  runSeq: ['run_seq', 'integer'],
  stepCount: ['step_count', 'integer'],
  variableCount: ['variable_count', 'integer'],
  variableBytes: ['variable_bytes', 'bigint'],
  historyCount: ['history_count', 'bigint'],
  error: ['error', 'jsonb'],
  finishedAt: ['finished_at', 'timestamptz'],
} as const satisfies Record<keyof ExecutionPatch, readonly [column: string, type: string]>

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

/** The same for a write that may begin the execution: without a playbook it is running from its first variable on. */
export async function lockOrCreateExecution(tx: Sql, id: ExecutionId): Promise<ExecutionRecord> {
  const existing = await lockExecution(tx, id)
  if (existing !== null) return existing
  await tx.run(`INSERT INTO transient.execution (id, status) VALUES ($1::bigint, 'running') ON CONFLICT (id) DO NOTHING`, id)
  const created = await lockExecution(tx, id)
  if (created === null) throw new Error(`execution ${id} vanished while it was created`)
  return created
}

/** Locks several executions in the order of their ids, so that two transactions never wait for each other. */
export async function lockExecutions(tx: Sql, ids: readonly ExecutionId[]): Promise<ExecutionRecord[]> {
  return (await tx.rows<ExecutionRow>(lockedExecutions(EXECUTION_COLUMNS, true), ids)).map(toExecution)
}

/** Writes what changed; the row must be locked by this transaction. */
export async function updateExecution(tx: Sql, id: ExecutionId, patch: ExecutionPatch): Promise<void> {
  const { sql, parameters } = updateOf(id, patch)
  await tx.run(sql, ...parameters)
}

/** $1 is the execution's id. */
function updateOf(id: ExecutionId, patch: ExecutionPatch): { sql: string; parameters: SqlParameter[] } {
  const names = (Object.keys(PATCH_TYPES) as (keyof ExecutionPatch)[]).filter((name) => patch[name] !== undefined)
  const assignments = names.map((name, index) => {
    const [column, type] = PATCH_TYPES[name]
    return `${column} = $${index + 2}::${type}`
  })
  const sql = `UPDATE transient.execution SET ${[...assignments, 'updated_at = now()'].join(', ')} WHERE id = $1::bigint`
  return { sql, parameters: [id, ...names.map((name) => patchParameter(name, patch))] }
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

/** Records events with consecutive numbers. Answers the execution's new `event_seq`, which the caller writes to its row. */
export async function appendEvents(tx: Sql, append: AppendRequest): Promise<number> {
  const { executionId, eventSeq, revision, events } = append
  if (events.length === 0) return eventSeq
  await tx.run(insertEvents({ executionId: '$1', revision: '$2', rows: '$3' }), executionId, revision, eventRows(append))
  return eventSeq + events.length
}

function eventRows({ eventSeq, events }: AppendRequest): string {
  const rows = events.map(({ name, step = null, run = null, attempt = null, data = null }, index) => ({
    seq: eventSeq + index + 1,
    name,
    step,
    run,
    attempt,
    data,
  }))
  return stringifyJson(rows)
}

/** The names of the parameters' places. */
function insertEvents({ executionId, revision, rows }: { executionId: string; revision: string; rows: string }): string {
  return `INSERT INTO transient.event (execution_id, seq, revision, name, step, run, attempt, data)
     SELECT ${executionId}::bigint, seq, ${revision}::bigint, name, step, run, attempt, data
     FROM jsonb_to_recordset(${rows}::jsonb) AS e(seq bigint, name text, step text, run integer, attempt integer, data jsonb)`
}

function patchParameter(name: keyof ExecutionPatch, patch: ExecutionPatch): SqlParameter {
  if (name === 'workload') return toJsonText(patch.workload ?? null)
  if (name === 'error') return patch.error ? stringifyJson({ ...patch.error }) : null
  return patch[name] ?? null
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

/** SQL NULL stands for JSON null in these columns. */
function toJsonText(value: JsonValue): string | null {
  return value === null ? null : stringifyJson(value)
}

/** The value of a nullable jsonb column that was read as text. */
export function fromJsonText(text: string | null): JsonValue {
  return text === null ? null : parseJson(text)
}
