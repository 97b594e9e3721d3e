import pg from 'pg'
import { within } from './pace.js'

export interface TestPostgres {
  /** A URL of a new, empty database. */
  createDatabase(): Promise<string>
  /** Drops every database that was created here. */
  close(): Promise<void>
}

/** Where a PostgreSQL server may be found: the setting first, then this machine's. */
function candidates(): string[] {
  const named = process.env['TEST_DATABASE_URL']
  if (named !== undefined && named !== '') return [named]
  return ['postgresql://postgres@127.0.0.1:5432/postgres', 'postgresql://root@127.0.0.1:5432/postgres']
}

async function connect(url: string): Promise<pg.Client | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: within(2_000) })
  try {
    await client.connect()
    return client
  } catch {
    return null
  }
}

/** A reachable PostgreSQL server, or null (said aloud). */
export async function findPostgres(): Promise<TestPostgres | null> {
  for (const url of candidates()) {
    const client = await connect(url)
    if (client !== null) return createTestPostgres(client, url)
  }
  console.warn(
    'SKIPPED: no PostgreSQL reachable (TEST_DATABASE_URL or 127.0.0.1:5432), so the PostgreSQL half is not checked here',
  )
  return null
}

function createTestPostgres(client: pg.Client, url: string): TestPostgres {
  const names: string[] = []
  return {
    async createDatabase() {
      const name = `transient_e2e_${process.pid}_${names.length}_${Date.now().toString(36)}`
      await client.query(`CREATE DATABASE ${name}`)
      names.push(name)
      const created = new URL(url)
      created.pathname = `/${name}`
      return created.href
    },
    async close() {
      for (const name of names) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await client.end()
    },
  }
}
