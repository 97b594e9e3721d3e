// By hand: the path of every read and write of a variable, with its lock or its count (decision 24).
import type { ExecutionId } from '../core/ids.js'
import { parseJson } from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ChangeRecord, VariableRecord } from './record.js'

export interface VariableRow {
  readonly execution_id: bigint
  readonly var_name: string
  readonly var_type: VariableType
  readonly value: string
  readonly sealed: string | null
  readonly source_step: string | null
  readonly revision: bigint
  readonly version: number
  readonly access_count: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly accessed_at: Date
}

export interface ChangeRow {
  readonly revision: bigint
  readonly seq: number
  readonly var_name: string
  readonly operation: ChangeOperation
  readonly value: string | null
  readonly previous_value: string | null
  readonly sealed: string | null
  readonly var_type: VariableType
  readonly source_step: string | null
  readonly actor: string
  readonly version: number
  readonly changed_at: Date
}

/** Of the alias `t`; the value as text, because Prisma's Json loses digits. */
export const VARIABLE_COLUMNS = `t.execution_id, t.var_name, t.var_type, t.var_value::text AS value, t.sealed, t.source_step, t.revision,
  t.version, t.access_count, t.created_at, t.updated_at, t.accessed_at`

/**
 * The condition for one row of the alias `t`, with its order and limit. Written so that only the primary key gives that order: with `=` the
 * planner may take the index on `execution_id` alone, while it knows nothing of the table, and read all variables of the execution.
 */
export function isVariable(executionId: string, name: string): string {
  return `t.execution_id = ${executionId} AND t.var_name >= ${name} AND t.var_name <= ${name} ORDER BY t.var_name LIMIT 1`
}

/** Of the alias `h`. */
export const CHANGE_COLUMNS = `h.revision, h.seq, h.var_name, h.operation, h.value::text AS value,
  h.previous_value::text AS previous_value, h.sealed, h.var_type, h.source_step, h.actor, h.version, h.changed_at`

export function toVariable(row: VariableRow): VariableRecord {
  return {
    executionId: String(row.execution_id),
    name: row.var_name,
    value: parseJson(row.value),
    sealed: row.sealed,
    type: row.var_type,
    sourceStep: row.source_step,
    revision: Number(row.revision),
    version: row.version,
    accessCount: row.access_count,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    accessedAt: row.accessed_at,
  }
}

export function toChange(executionId: ExecutionId, row: ChangeRow): ChangeRecord {
  return {
    executionId,
    revision: Number(row.revision),
    seq: row.seq,
    name: row.var_name,
    operation: row.operation,
    value: row.value === null ? null : parseJson(row.value),
    previousValue: row.previous_value === null ? null : parseJson(row.previous_value),
    sealed: row.sealed,
    type: row.var_type,
    sourceStep: row.source_step,
    actor: row.actor,
    version: row.version,
    changedAt: row.changed_at,
  }
}

/** One variable, as it is. */
export async function findVariable(sql: Sql, executionId: ExecutionId, name: string): Promise<VariableRecord | null> {
  const [row] = await sql.rows<VariableRow>(
    `SELECT ${VARIABLE_COLUMNS} FROM noetl.transient t WHERE t.execution_id = $1::bigint AND t.var_name = $2::text`,
    executionId,
    name,
  )
  return row ? toVariable(row) : null
}

/** All variables of a locked execution. The rows are locked too, in key order, so that nobody slips in between what is read and the write. */
export async function lockVariables(tx: Sql, executionId: ExecutionId): Promise<Map<string, VariableRecord>> {
  const rows = await tx.rows<VariableRow>(
    `SELECT ${VARIABLE_COLUMNS} FROM noetl.transient t WHERE t.execution_id = $1::bigint ORDER BY t.var_name FOR NO KEY UPDATE`,
    executionId,
  )
  return new Map(rows.map((row) => [row.var_name, toVariable(row)]))
}

export interface ReadCount {
  readonly executionId: ExecutionId
  readonly name: string
  /** How many reads to count. */
  readonly count: number
}

/** Counts reads and gives the variables after them, each variable once. Rows are locked in key order, so that two batches never deadlock. */
export async function countReads(sql: Sql, reads: readonly ReadCount[], now: Date): Promise<VariableRecord[]> {
  const rows = await sql.rows<VariableRow>(
    `WITH counted AS (
       SELECT t.execution_id, t.var_name, r.count
       FROM json_to_recordset($1::json) AS r(execution_id bigint, name text, count integer)
       JOIN noetl.transient t ON t.execution_id = r.execution_id AND t.var_name = r.name
       ORDER BY t.execution_id, t.var_name FOR NO KEY UPDATE OF t
     )
     UPDATE noetl.transient t SET access_count = t.access_count + c.count, accessed_at = $2::timestamptz
     FROM counted c WHERE t.execution_id = c.execution_id AND t.var_name = c.var_name
     RETURNING ${VARIABLE_COLUMNS}`,
    JSON.stringify(reads.map(({ executionId, name, count }) => ({ execution_id: executionId, name, count }))),
    now.toISOString(),
  )
  return rows.map(toVariable)
}
