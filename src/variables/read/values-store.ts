// By hand: every step whose templates name a variable asks this (decision 24).
import type { ExecutionId } from '../../core/ids.js'
import { parseJson } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import type { VariableRecord } from '../record.js'

/** What templates read of a variable; of a sensitive one the mask, and what it hides. */
export type LoadedValue = Pick<VariableRecord, 'executionId' | 'name' | 'value' | 'sealed' | 'revision'>

interface ValueRow {
  readonly execution_id: bigint
  readonly name: string
  readonly value: string
  readonly sealed: string | null
  readonly revision: bigint
}

const COLUMNS = 't.execution_id, t.var_name AS name, t.var_value::text AS value, t.sealed, t.revision'

function toValue({ execution_id, name, value, sealed, revision }: ValueRow): LoadedValue {
  return { executionId: String(execution_id), name, value: parseJson(value), sealed, revision: Number(revision) }
}

/** The current values of all variables of an execution. */
export async function loadValues(sql: Sql, executionId: ExecutionId): Promise<LoadedValue[]> {
  const rows = await sql.rows<ValueRow>(`SELECT ${COLUMNS} FROM noetl.transient t WHERE t.execution_id = $1::bigint`, executionId)
  return rows.map(toValue)
}

/** The values of these variables of many executions. */
export async function loadValuesOf(
  sql: Sql,
  keys: readonly { readonly executionId: ExecutionId; readonly name: string }[],
): Promise<LoadedValue[]> {
  if (keys.length === 0) return []
  const rows = await sql.rows<ValueRow>(
    `SELECT ${COLUMNS}
     FROM json_to_recordset($1::json) AS k (execution_id bigint, name text)
     JOIN noetl.transient t ON t.execution_id = k.execution_id AND t.var_name = k.name`,
    JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name }))),
  )
  return rows.map(toValue)
}
