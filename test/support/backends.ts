import { findPostgres, type TestPostgres } from './postgres.js'
import { startTestServer, type TestServer } from './server.js'

export interface Backend {
  readonly name: 'embedded' | 'postgresql'
  readonly server: TestServer
  close(): Promise<void>
}

/** Names under which playbooks look for a database. */
const CONNECTION_NAMES = ['default', 'pg_local', 'pg_k8s']

export interface BackendOptions {
  /** Point postgres steps of the embedded server, too, at a real PostgreSQL under every connection name. */
  readonly hasConnections?: boolean
}

/** The product on the embedded database, or on PostgreSQL with databases of its own; null where that cannot be had. */
export async function startBackend(name: Backend['name'], options: BackendOptions = {}): Promise<Backend | null> {
  const isEmbedded = name === 'embedded'
  const postgres = isEmbedded && options.hasConnections !== true ? null : await findPostgres()
  if (postgres === null && !isEmbedded) return null
  const env = postgres === null ? {} : await environment(postgres, isEmbedded)
  try {
    const server = await startTestServer({ env })
    return {
      name,
      server,
      async close() {
        await server.close()
        await postgres?.close()
      },
    }
  } catch (error) {
    await postgres?.close()
    throw error
  }
}

async function environment(postgres: TestPostgres, isEmbedded: boolean): Promise<Record<string, string>> {
  const steps = await postgres.createDatabase()
  const connections = JSON.stringify(Object.fromEntries(CONNECTION_NAMES.map((name) => [name, steps])))
  return isEmbedded ? { CONNECTIONS: connections } : { CONNECTIONS: connections, DATABASE_URL: await postgres.createDatabase() }
}
