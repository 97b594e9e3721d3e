import { createHash, randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, describe, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { migratePglite, migratePostgres } from '../../src/db/migrate.js'
import { readMigrations } from '../../src/db/migrations.js'
import { createPgliteDatabase } from '../../src/db/pglite.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { within } from './pace.js'
import { engineOn } from './pglite.js'

export type TestDatabase = Database

/** A fresh, migrated database; closed (and dropped) after the suite. */
export type OpenTestDatabase = () => Promise<TestDatabase>

const DEFAULT_URL = 'postgresql://root@127.0.0.1:5432/postgres'
const TEMPLATE_LOCK = 4_210_917

/**
 * Runs a suite on PGlite, and on PostgreSQL where one is reachable (TEST_DATABASE_URL, or the local one): `open` gives
 * a fresh, migrated database at each call.
 */
export function describeEachDatabase(name: string, suite: (open: OpenTestDatabase) => void): void {
  describe(`${name} on PGlite`, () => {
    suite(collecting(openPgliteDatabase))
  })
  describe(`${name} on PostgreSQL`, () => {
    if (serverUrl === null) {
      test.skip(`NOT RUN: no PostgreSQL is reachable; set TEST_DATABASE_URL to run "${name}" there`, () => undefined)
    } else {
      suite(collecting(() => openPostgresDatabase(serverUrl)))
    }
  })
}

/** A fresh, migrated PGlite database in memory. The caller closes it. */
export async function openPgliteDatabase(): Promise<TestDatabase> {
  return createPgliteDatabase(engineOn(await PGlite.create({ loadDataDir: new Blob([await pgliteSnapshot()]) })))
}

/** The PostgreSQL server for tests, or null. */
export const serverUrl = await findServer()

/** Creates an empty database on the server for tests and answers its URL; `drop` removes it. */
export async function createEmptyPostgres(url: string): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `transient_test_${randomUUID().replaceAll('-', '')}`
  await withClient(url, (client) => client.query(`CREATE DATABASE ${name}`))
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

async function findServer(): Promise<string | null> {
  const given = process.env['TEST_DATABASE_URL']
  const url = given ?? DEFAULT_URL
  try {
    await withClient(url, (client) => client.query('SELECT 1'))
    return url
  } catch (error) {
    if (given !== undefined) throw new Error('TEST_DATABASE_URL is set, but its server does not answer', { cause: error })
    return null
  }
}

async function openPostgresDatabase(url: string): Promise<TestDatabase> {
  const template = await ensureTemplate(url)
  const name = `transient_test_${randomUUID().replaceAll('-', '')}`
  await withClient(url, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`))
  const database = createPostgresDatabase(databaseUrl(url, name))
  const { dialect, rows, texts, run, transaction, alone, reading } = database
  return {
    dialect,
    rows,
    texts,
    run,
    transaction,
    alone,
    reading,
    get prisma() {
      return database.prisma
    },
    async close() {
      await database.close()
      await dropDatabase(url, name)
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

let snapshot: Promise<Buffer<ArrayBuffer>> | null = null

/** The data folder of a migrated PGlite, made once for each state of the migrations and kept in the temporary folder. */
function pgliteSnapshot(): Promise<Buffer<ArrayBuffer>> {
  snapshot ??= (async () => {
    const path = join(tmpdir(), `transient-pglite-${await migrationsKey()}.tar`)
    const kept = await readFile(path).catch(() => null)
    if (kept !== null) return kept
    const pglite = await PGlite.create()
    await migratePglite(pglite)
    const dump = await pglite.dumpDataDir('none')
    await pglite.close()
    const made = Buffer.from(await dump.arrayBuffer())
    const draft = `${path}.${randomUUID()}`
    await writeFile(draft, made)
    await rename(draft, path)
    return made
  })()
  return snapshot
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
