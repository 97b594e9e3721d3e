import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { errorMessage } from '../core/errors.js'
import { type AppliedMigration, type Migration, planMigrations, readMigrations } from './migrations.js'

/** The lock that Prisma's own engine takes, so that it and we never migrate at once. */
const ADVISORY_LOCK = 72707369
const LOCK_TIMEOUT = '60s'
const CONNECT_TIMEOUT_MS = 10_000

/** One connection that scripts of several statements may run on. */
interface Connection {
  rows(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  script(text: string): Promise<void>
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS public._prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

/** Brings a PostgreSQL database up to date, on a connection of its own, while no other process does. */
export async function migratePostgres(databaseUrl: string, migrations?: readonly Migration[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  // Without a listener a connection lost between two statements would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new Error(`no connection to the database of DATABASE_URL: ${errorMessage(error)}`, { cause: error })
  }
  try {
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`)
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
    await client.query('SET lock_timeout = 0')
    const connection: Connection = {
      rows: async (text, parameters) => (await client.query<Record<string, unknown>>(text, parameters)).rows,
      script: async (text) => {
        await client.query(text)
      },
    }
    return await applyMigrations(connection, migrations ?? (await readMigrations()))
  } finally {
    // Ends the session, and with it the advisory lock.
    await client.end()
  }
}

async function applyMigrations(connection: Connection, known: readonly Migration[]): Promise<string[]> {
  const pending = planMigrations(known, await readApplied(connection))
  for (const migration of pending) await applyOne(connection, migration)
  return pending.map((migration) => migration.name)
}

async function readApplied(connection: Connection): Promise<AppliedMigration[]> {
  const [table] = await connection.rows(`SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS exists`)
  if (table?.['exists'] !== true) {
    await connection.script(CREATE_TABLE)
    return []
  }
  const rows = await connection.rows(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS is_finished, rolled_back_at IS NOT NULL AS is_rolled_back
     FROM public._prisma_migrations ORDER BY started_at`,
  )
  return rows.map((row) => ({
    name: String(row['migration_name']),
    checksum: String(row['checksum']),
    isFinished: row['is_finished'] === true,
    isRolledBack: row['is_rolled_back'] === true,
  }))
}

/** The script and its record are one transaction: a process that dies half way leaves nothing behind. */
async function applyOne(connection: Connection, migration: Migration): Promise<void> {
  try {
    await connection.script('BEGIN')
    await connection.script(migration.script)
    await connection.rows(
      `INSERT INTO public._prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    )
    await connection.script('COMMIT')
  } catch (error) {
    await connection.script('ROLLBACK').catch(() => undefined)
    throw new Error(`the migration ${migration.name} failed and was undone: ${errorMessage(error)}`, { cause: error })
  }
}
