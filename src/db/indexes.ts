import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { cancelStatement } from './cancel.js'
import type { Database } from './database.js'

/** Held by the one process that makes or drops indexes. */
const LOCK = [72_707_370, 2]
const RETRY_MS = 1_000
const CONNECT_MS = 10_000

export interface WantedIndex {
  readonly name: string
  /** What stands after the table's name: columns, and which rows. */
  readonly definition: string
  /** What it is made of: PostgreSQL is told to count its values, as it does for columns by itself. */
  readonly expression: string
}

export interface KeptIndexes {
  readonly table: string
  /** Indexes whose name begins so are ours: those that nobody wants any more are dropped. */
  readonly prefix: string
  readonly wanted: readonly WantedIndex[]
}

interface KeepOptions extends KeptIndexes {
  readonly db: Database
  readonly databaseUrl: string
  /** Gives up; what is being made is undone at the next call. */
  readonly signal: AbortSignal
}

type Rows = <Row>(text: string, parameters: readonly string[]) => Promise<Row[]>

/**
 * Makes the indexes that settings ask for, and drops those that they ask for no longer, while writes go on (CONCURRENTLY; a partitioned table knows no
 * such thing: its writes wait). One process does; another one that wants the same finds it done. Answers whether there was something to do.
 * @throws Error when the database does not answer, or the signal aborts
 */
export async function keepIndexes({ db, databaseUrl, signal, ...kept }: KeepOptions): Promise<boolean> {
  const looked = await planIndexes((text, parameters) => db.rows(text, ...parameters), kept)
  if (looked.missing.length + looked.surplus.length === 0) return false
  // A connection of its own, without a limit: an index of a large table takes longer than any statement may.
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS, keepAlive: true })
  client.on('error', () => undefined)
  const leave = () => {
    cancelStatement(client)
    void client.end().catch(() => undefined)
  }
  await client.connect()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await client.query('SET statement_timeout = 0')
    // Tried, not waited for: a session that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for every snapshot.
    while (!(await isLocked(client))) await sleep(RETRY_MS, undefined, { signal })
    const rows: Rows = async <Row>(text: string, parameters: readonly string[]) =>
      (await client.query(text, [...parameters])).rows as Row[]
    const { missing, surplus, isPartitioned } = await planIndexes(rows, kept)
    const concurrently = isPartitioned ? '' : 'CONCURRENTLY'
    for (const name of surplus) {
      await client.query(`DROP STATISTICS IF EXISTS ${schemaOf(kept.table)}.${name}`)
      await client.query(`DROP INDEX ${concurrently} IF EXISTS ${schemaOf(kept.table)}.${name}`)
    }
    for (const { name, definition, expression } of missing) {
      await client.query(`CREATE STATISTICS IF NOT EXISTS ${schemaOf(kept.table)}.${name} ON (${expression}) FROM ${kept.table}`)
      await client.query(`CREATE INDEX ${concurrently} ${name} ON ${kept.table} ${definition}`)
    }
    // It has counted nothing until it has looked at the table again.
    if (missing.length > 0) await client.query(`ANALYZE ${kept.table}`)
    return true
  } finally {
    signal.removeEventListener('abort', leave)
    await client.end().catch(() => undefined)
  }
}

async function isLocked(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1::int, $2::int) AS taken', LOCK)
  return rows[0]?.taken === true
}

interface Plan {
  readonly missing: readonly WantedIndex[]
  /** Also those whose making was broken off: they are no use, and cost every write. */
  readonly surplus: readonly string[]
  readonly isPartitioned: boolean
}

async function planIndexes(rows: Rows, { table, prefix, wanted }: KeptIndexes): Promise<Plan> {
  const found = await rows<{ readonly name: string; readonly is_valid: boolean; readonly is_partitioned: boolean }>(
    `SELECT c.relname AS name, i.indisvalid AS is_valid, c.relkind = 'I' AS is_partitioned FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1::text::regclass AND starts_with(c.relname, $2::text)
     UNION ALL SELECT '', TRUE, relkind = 'p' FROM pg_class WHERE oid = $1::text::regclass`,
    [table, prefix],
  )
  const names = new Set(wanted.map(({ name }) => name))
  const there = found.filter(({ name }) => name !== '')
  const useful = new Set(there.filter(({ name, is_valid }) => is_valid && names.has(name)).map(({ name }) => name))
  return {
    missing: wanted.filter(({ name }) => !useful.has(name)),
    surplus: there.map(({ name }) => name).filter((name) => !useful.has(name)),
    isPartitioned: found.some(({ is_partitioned }) => is_partitioned),
  }
}

function schemaOf(table: string): string {
  return table.slice(0, table.indexOf('.'))
}
