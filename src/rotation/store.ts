// By hand: it steps through indexes over an expression, takes only rows that nobody has locked, and is the same for seven tables; Prisma cannot express this.
import type { Sql } from '../db/database.js'
import {
  executionLocation,
  idempotencyLocation,
  type Location,
  runLocation,
  taskLocation,
  triggerLocation,
  variableLocation,
  webhookLocation,
} from '../sealing/location.js'

/** A row that holds something sealed. */
interface Row {
  readonly ctid: string
  readonly sealed: string
  readonly execution_id: bigint
  readonly name: string
  readonly revision: bigint
  readonly run: number
  readonly attempt: number
}

interface SealedTable {
  readonly name: string
  /** What its locations are made of, under the names of a `Row`. */
  readonly columns: string
  readonly locationOf: (row: Row) => Location
}

const ofVariable = {
  columns: 'execution_id, var_name AS name, revision',
  locationOf: (row: Row) => variableLocation(String(row.execution_id), row.name, Number(row.revision)),
}

/** Every table with a column `sealed`. */
const TABLES: readonly SealedTable[] = [
  { name: 'noetl.transient', ...ofVariable },
  { name: 'noetl.transient_history', ...ofVariable },
  {
    name: 'transient.execution',
    columns: 'id AS execution_id',
    locationOf: (row) => executionLocation(String(row.execution_id)),
  },
  {
    name: 'transient.step_run',
    columns: 'execution_id, run',
    locationOf: (row) => runLocation(String(row.execution_id), row.run),
  },
  {
    name: 'transient.task',
    columns: 'execution_id, run, attempt',
    locationOf: (row) => taskLocation(String(row.execution_id), row.run, row.attempt),
  },
  {
    name: 'transient.idempotency',
    columns: 'execution_id',
    locationOf: (row) => idempotencyLocation(String(row.execution_id)),
  },
  {
    name: 'transient.webhook',
    columns: 'id AS name',
    locationOf: (row) => webhookLocation(row.name),
  },
  {
    name: 'transient.trigger',
    columns: 'id AS name',
    locationOf: (row) => triggerLocation(row.name),
  },
]

/** What the partial indexes are over. */
const KEY = `split_part(sealed, ':', 1)`

/** The ids of the keys that anything is sealed with: one step through each index per key, however many rows there are. */
export async function findKeysInUse(sql: Sql): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const { name } of TABLES) {
    const rows = await sql.rows<{ readonly key: string }>(
      `WITH RECURSIVE used AS (
         SELECT (SELECT ${KEY} FROM ${name} WHERE sealed <> '' ORDER BY ${KEY} LIMIT 1) AS key
         UNION ALL
         SELECT (SELECT ${KEY} FROM ${name} WHERE sealed <> '' AND ${KEY} > used.key ORDER BY ${KEY} LIMIT 1)
         FROM used WHERE used.key IS NOT NULL
       ) SELECT key FROM used WHERE key IS NOT NULL`,
    )
    for (const { key } of rows) found.add(key)
  }
  return found
}

interface ResealRequest {
  /** Rows sealed with this key. */
  readonly keyId: string
  readonly limit: number
  /** What a row's text becomes. */
  readonly reseal: (sealed: string, location: Location) => string
}

/**
 * Re-encrypts up to `limit` rows, inside the caller's transaction. Rows that a writer has locked are left for the next
 * time, so that neither ever waits for the other's whole batch.
 */
export async function resealRows(tx: Sql, { keyId, limit, reseal }: ResealRequest): Promise<number> {
  let count = 0
  for (const { name, columns, locationOf } of TABLES) {
    if (count >= limit) break
    const rows = await tx.rows<Row>(
      `SELECT ctid::text AS ctid, sealed, ${columns} FROM ${name}
       WHERE sealed <> '' AND ${KEY} = $1::text LIMIT ${limit - count} FOR NO KEY UPDATE SKIP LOCKED`,
      keyId,
    )
    if (rows.length === 0) continue
    const changes = rows.map((row) => ({ location: row.ctid, before: row.sealed, after: reseal(row.sealed, locationOf(row)) }))
    // In a partitioned table two rows may have the same ctid; no two have the same ciphertext.
    await tx.run(
      `UPDATE ${name} t SET sealed = c.after FROM json_to_recordset($1::json) AS c(location text, before text, after text)
       WHERE t.ctid = c.location::tid AND t.sealed = c.before`,
      JSON.stringify(changes),
    )
    count += rows.length
  }
  return count
}
