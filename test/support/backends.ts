import { openPostgres, type TestPostgres } from './postgres.js'
import { startTestServer, type TestServer } from './server.js'

export interface Backend {
  readonly name: 'embedded' | 'postgresql'
  readonly server: TestServer
  close(): Promise<void>
}

/** Names under which playbooks look for a database. */
const CONNECTION_NAMES = ['default', 'pg_local', 'pg_k8s']

export interface BackendOptions {
  /** Give postgres steps of the embedded server, too, a database under every connection name. */
  readonly hasConnections?: boolean
}

/** The product on a database that it starts itself, or on one of DATABASE_URL. */
export async function startBackend(name: Backend['name'], options: BackendOptions = {}): Promise<Backend> {
  const isEmbedded = name === 'embedded'
  const postgres = openPostgres()
  try {
    const env = isEmbedded && options.hasConnections !== true ? {} : await environment(postgres, isEmbedded)
    const server = await startTestServer({ env })
    return {
      name,
      server,
      async close() {
        await server.close()
        await postgres.close()
      },
    }
  } catch (error) {
    await postgres.close()
    throw error
  }
}

async function environment(postgres: TestPostgres, isEmbedded: boolean): Promise<Record<string, string>> {
  const steps = await postgres.createDatabase()
  const connections = JSON.stringify(Object.fromEntries(CONNECTION_NAMES.map((name) => [name, steps])))
  return isEmbedded ? { CONNECTIONS: connections } : { CONNECTIONS: connections, DATABASE_URL: await postgres.createDatabase() }
}
