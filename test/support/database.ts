import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, describe } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { readMigrations } from '../../src/db/migrations.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { within } from './pace.js'

export type TestDatabase = Database

/** A fresh, migrated database; closed (and dropped) after the suite. */
export type OpenTestDatabase = () => Promise<TestDatabase>

const TEMPLATE_LOCK = 4_210_917

/** Runs a suite that needs databases: `open` gives a fresh, migrated one at each call. */
export function describeDatabase(name: string, suite: (open: OpenTestDatabase) => void): void {
  describe(name, () => suite(collecting(openTestDatabase)))
}

/** The PostgreSQL server that tests make their databases on: the run's own (`cluster.ts`), or, for benchmarks, this machine's. */
export function serverUrl(): string {
  return process.env['TEST_DATABASE_URL'] || 'postgresql://postgres@127.0.0.1:5432/postgres'
}

export interface CreatedDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** Creates an empty database on the server for tests and answers its URL; `drop` removes it. */
export function createEmptyDatabase(): Promise<CreatedDatabase> {
  return createDatabase('')
}

async function createDatabase(from: string): Promise<CreatedDatabase> {
  const url = serverUrl()
  const name = `transient_test_${randomUUID().replaceAll('-', '')}`
  await withClient(url, (client) => client.query(`CREATE DATABASE ${name}${from}`))
  return { url: databaseUrl(url, name), drop: () => dropDatabase(url, name) }
}

function collecting(open: OpenTestDatabase): OpenTestDatabase {
  const opened: TestDatabase[] = []
  afterAll(async () => {
    await Promise.all(opened.map((database) => database.close()))
  })
  return async () => {
    const database = await open()
    opened.push(database)
    return database
  }
}

/** Creates a fresh, migrated database and answers its URL; `drop` removes it. */
export async function createMigratedDatabase(): Promise<CreatedDatabase> {
  return createDatabase(` TEMPLATE ${await ensureTemplate(serverUrl())}`)
}

/** A fresh, migrated database. Closing it drops it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { url, drop } = await createMigratedDatabase()
  const database = createPostgresDatabase(url)
  return {
    ...database,
    async close() {
      await database.close()
      await drop()
    },
  }
}

let template: Promise<string> | null = null

/** A migrated database that others are copied from, made once for each state of the migrations and kept. */
function ensureTemplate(url: string): Promise<string> {
  template ??= withClient(url, async (client) => {
    const name = `transient_template_${await migrationsKey()}`
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK])
    const existing = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (existing.rowCount === 0) {
      const draft = `${name}_draft`
      await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${draft}`)
      await migratePostgres(databaseUrl(url, draft))
      await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
    }
    return name
  })
  return template
}

async function migrationsKey(): Promise<string> {
  const checksums = (await readMigrations()).map((migration) => migration.checksum)
  return createHash('sha256').update(checksums.join()).digest('hex').slice(0, 16)
}

async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
}

function databaseUrl(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.toString()
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: within(3000) })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
