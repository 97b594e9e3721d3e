// By hand: what steps read of spaces is one statement for all executions of a transaction, as one statement sees one revision (decision 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'

/** Variables of a space as they are at one revision. */
export interface GlobalsView {
  readonly spaceId: ExecutionId
  readonly revision: number
  /** Those that were asked for; others are not in `values` although they may be there. */
  readonly names: ReadonlySet<string> | 'all'
  /** The mask of what is sensitive. */
  readonly values: JsonObject
  readonly sealed: ReadonlyMap<string, { readonly sealed: string; readonly revision: number }>
}

interface ViewRow {
  readonly space_id: bigint
  readonly at: bigint
  readonly name: string | null
  readonly value: string
  readonly sealed: string | null
  readonly revision: bigint
}

/** What spaces hold under these names: of each space one revision. One that is not there is empty, at revision 0. */
export async function readGlobals(
  sql: Sql,
  wanted: ReadonlyMap<ExecutionId, ReadonlySet<string> | 'all'>,
): Promise<Map<ExecutionId, GlobalsView>> {
  if (wanted.size === 0) return new Map()
  const keys = [...wanted].map(([id, names]) => ({ space_id: id, names: names === 'all' ? null : [...names] }))
  const rows = await sql.rows<ViewRow>(
    `SELECT k.space_id, e.revision AS at, t.var_name AS name, t.var_value::text AS value, t.sealed, t.revision
     FROM json_to_recordset($1::json) AS k (space_id bigint, names text[])
     JOIN transient.execution e ON e.id = k.space_id
     LEFT JOIN noetl.transient t ON t.execution_id = k.space_id AND (k.names IS NULL OR t.var_name = ANY(k.names))`,
    JSON.stringify(keys),
  )
  return new Map(
    [...wanted].map(([id, names]) => [
      id,
      viewOf(
        id,
        names,
        rows.filter((row) => String(row.space_id) === id),
      ),
    ]),
  )
}

function viewOf(spaceId: ExecutionId, names: GlobalsView['names'], rows: readonly ViewRow[]): GlobalsView {
  const values: JsonObject = {}
  const sealed = new Map<string, { readonly sealed: string; readonly revision: number }>()
  for (const row of rows) {
    if (row.name === null) continue
    values[row.name] = parseJson(row.value)
    if (row.sealed !== null) sealed.set(row.name, { sealed: row.sealed, revision: Number(row.revision) })
  }
  return { spaceId, names, revision: Number(rows[0]?.at ?? 0), values, sealed }
}
