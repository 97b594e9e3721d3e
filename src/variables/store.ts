// By hand: the path of every read and write of a variable, with its lock or its count (decision 24).

import { type ChangeRecord, toVariable, VARIABLE_COLUMNS, type VariableRecord, type VariableRow } from '../commit/record.js'
import type { ExecutionId } from '../core/ids.js'
import { parseJson } from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'
import type { Sql } from '../db/database.js'

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

/** Of the alias `h`. */
export const CHANGE_COLUMNS = `h.revision, h.seq, h.var_name, h.operation, h.value::text AS value,
  h.previous_value::text AS previous_value, h.sealed, h.var_type, h.source_step, h.actor, h.version, h.changed_at`

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
