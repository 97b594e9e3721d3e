import pg from 'pg'
import { openPostgres } from '../../support/postgres.js'
import { startTestServer, type TestServer } from '../../support/server.js'
import { type Postgraphile, startPostgraphile } from './postgraphile.js'
import { upsertStatement } from './yardstick-sql.js'

/** What PostGraphile offers as a mutation: the same statement as pgbench's, as one function. */
const FUNCTION = `CREATE FUNCTION noetl.write_variable(execution BIGINT, name INTEGER, value BIGINT) RETURNS noetl.transient LANGUAGE sql VOLATILE AS $$
${upsertStatement({ execution: 'execution', name: 'name', value: 'value' }, '*')}
$$;`

/** Two databases with the same tables: one of Transient's server, one of its yardsticks. */
export interface Stage {
  readonly server: TestServer
  readonly postgraphile: Postgraphile | null
  /** Of the yardsticks. */
  readonly databaseUrl: string
  readonly ownDatabaseUrl: string
  readonly postgresVersion: string
  close(): Promise<void>
}

/** @throws Error when no PostgreSQL is reachable */
export async function openStage({ hasPostgraphile = true } = {}): Promise<Stage> {
  const postgres = openPostgres()
  const [ownDatabaseUrl, databaseUrl] = [await postgres.createDatabase(), await postgres.createDatabase()]
  // The server's migrations make the tables of both.
  await (await startTestServer({ env: { DATABASE_URL: databaseUrl } })).close()
  const postgresVersion = await prepare(databaseUrl)
  const server = await startTestServer({ env: { DATABASE_URL: ownDatabaseUrl } })
  const postgraphile = hasPostgraphile ? await startPostgraphile(databaseUrl) : null
  return {
    ...{ server, postgraphile, databaseUrl, ownDatabaseUrl, postgresVersion },
    async close() {
      await postgraphile?.close()
      await server.close()
      await postgres.close()
    },
  }
}

async function prepare(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(FUNCTION)
    const { rows } = await client.query<{ server_version: string; fsync: string }>(
      `SELECT current_setting('server_version') AS server_version, current_setting('fsync') AS fsync`,
    )
    return `PostgreSQL ${rows[0]?.server_version.split(' ')[0]} with fsync ${rows[0]?.fsync}`
  } finally {
    await client.end()
  }
}
