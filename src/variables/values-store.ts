import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'

/** The current values of some variables, or of all (null), as one object: what templates read as `vars`. */
export async function loadValues(sql: Sql, executionId: ExecutionId, names: readonly string[] | null): Promise<JsonObject> {
  if (names?.length === 0) return {}
  const rows = await sql.rows<{ name: string; value: string }>(
    `SELECT var_name AS name, var_value::text AS value FROM noetl.transient
     WHERE execution_id = $1::bigint
       AND ($2::jsonb IS NULL OR var_name IN (SELECT jsonb_array_elements_text($2::jsonb)))`,
    executionId,
    names === null ? null : JSON.stringify(names),
  )
  return Object.fromEntries(rows.map((row) => [row.name, parseJson(row.value)]))
}
