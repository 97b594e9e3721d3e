import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectionUrl } from '../../src/db/local/address.js'
import { findBinaries } from '../../src/db/local/binaries.js'
import { openCluster } from '../../src/db/local/cluster.js'
import { type Postmaster, startPostmaster } from '../../src/db/local/postmaster.js'
import { freePort } from './server.js'

/** A PostgreSQL server of one's own, in a temporary folder and on a free port, which may be stopped and started again. */
export interface PostgresCluster {
  readonly url: string
  readonly pid: () => number
  /** `immediate`: as if it had crashed; all connections break. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** Keeps its files as they are now; it is stopped for a moment. */
  keepFiles(): Promise<void>
  /** It dies, and what was kept goes on in its place: as when a replica that lagged takes over, or a backup is restored. */
  goBack(): Promise<void>
  close(): Promise<void>
}

interface ClusterOptions {
  /** Lines of `postgresql.conf`. */
  readonly settings?: readonly string[]
}

/** Makes and starts one from the binaries that the server brings, for many connections. */
export async function startPostgresCluster({ settings = [] }: ClusterOptions = {}): Promise<PostgresCluster> {
  const root = mkdtempSync(join(tmpdir(), 'transient-cluster-'))
  const dataDir = join(root, 'data')
  mkdirSync(dataDir)
  const binaries = await findBinaries(join(root, 'lib'))
  const cluster = await openCluster(dataDir, binaries)
  appendFileSync(join(cluster.data, 'postgresql.conf'), ['max_connections = 400', ...settings, ''].join('\n'))
  const port = await freePort()
  const start = () => startPostmaster({ cluster, binaries, address: { kind: 'port', port } })
  let running: Postmaster | null = await start()
  const stop = async (mode: 'fast' | 'immediate'): Promise<void> => {
    if (mode === 'immediate' && running !== null) process.kill(running.pid, 'SIGQUIT')
    await running?.stop()
    running = null
  }
  const kept = join(root, 'kept')
  const restart = async (mode: 'fast' | 'immediate', change: () => void): Promise<void> => {
    await stop(mode)
    change()
    running = await start()
  }
  return {
    keepFiles: () =>
      restart('fast', () => {
        rmSync(kept, { recursive: true, force: true })
        cpSync(cluster.data, kept, { recursive: true })
      }),
    goBack: () =>
      restart('immediate', () => {
        rmSync(cluster.data, { recursive: true })
        cpSync(kept, cluster.data, { recursive: true })
      }),
    url: connectionUrl({ kind: 'port', port }, { user: 'transient', password: cluster.password, database: 'postgres' }),
    pid: () => running?.pid ?? 0,
    stop,
    async start() {
      running ??= await start()
    },
    async close() {
      await stop('immediate')
      rmSync(root, { recursive: true, force: true })
    },
  }
}
