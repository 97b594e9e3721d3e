import { startPostgresCluster } from './postgres-cluster.js'

/**
 * Before the suites: the PostgreSQL that all of them use, each in databases of its own. TEST_DATABASE_URL names another one.
 * What is written is thrown away at the end, so it need not be flushed.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['TEST_DATABASE_URL']) return undefined
  const cluster = await startPostgresCluster({ settings: ['fsync = off'] })
  process.env['TEST_DATABASE_URL'] = cluster.url
  return () => cluster.close()
}
