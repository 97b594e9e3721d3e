import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'

/** The current values of some variables, or of all (null), as one object: what templates read as `vars`. */
export async function loadValues(sql: Sql, executionId: ExecutionId, names: readonly string[] | null): Promise<JsonObject> {
  if (names?.length === 0) return {}
  const rows = await sql.rows<{ readonly name: string; readonly value: string }>(
    `SELECT var_name AS name, var_value::text AS value FROM noetl.transient
     WHERE execution_id = $1::bigint ${names === null ? '' : 'AND var_name = ANY($2::text[])'}`,
    executionId,
    ...(names === null ? [] : [names]),
  )
  return Object.fromEntries(rows.map((row) => [row.name, parseJson(row.value)]))
}

/** The values of these variables of many executions. */
export async function loadValuesOf(
  sql: Sql,
  keys: readonly { readonly executionId: ExecutionId; readonly name: string }[],
): Promise<{ readonly executionId: ExecutionId; readonly name: string; readonly value: JsonValue }[]> {
  if (keys.length === 0) return []
  const rows = await sql.rows<{ readonly execution_id: bigint; readonly name: string; readonly value: string }>(
    `SELECT t.execution_id, t.var_name AS name, t.var_value::text AS value
     FROM json_to_recordset($1::json) AS k (execution_id bigint, name text)
     JOIN noetl.transient t ON t.execution_id = k.execution_id AND t.var_name = k.name`,
    JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name }))),
  )
  return rows.map((row) => ({ executionId: String(row.execution_id), name: row.name, value: parseJson(row.value) }))
}
