import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
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
