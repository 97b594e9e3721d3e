import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { connectionUrl } from '../../src/db/local/address.js'
import { type Binaries, findBinaries } from '../../src/db/local/binaries.js'
import { type Cluster, openCluster } from '../../src/db/local/cluster.js'
import { type Postmaster, startPostmaster } from '../../src/db/local/postmaster.js'
import { within } from './pace.js'
import { freePort } from './server.js'

/** A PostgreSQL server of one's own, in a temporary folder and on a free port, which may be stopped and started again. */
export interface PostgresCluster {
  readonly url: string
  readonly pid: () => number
  /** `immediate`: as if it had crashed; all connections break. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** A backup of its files as they are now; it is stopped for a moment. */
  backUp(): Promise<Backup>
  /** A streaming replica, which has all there is; needs the settings `REPLICATED`. */
  startReplica(): Promise<Replica>
  close(): Promise<void>
}

export interface Backup {
  /** The server dies, and what was backed up goes on in its place. */
  restore(): Promise<void>
}

export interface Replica {
  readonly port: number
  /** From here on it gets nothing of what the primary writes. */
  detach(): Promise<void>
  /** It takes over with what it has; the primary is dead. */
  promote(): Promise<void>
  close(): Promise<void>
}

/** What a primary needs for `startReplica`. */
export const REPLICATED = ['wal_level = replica', 'max_wal_senders = 4']

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
  /** A copy of its files, below a folder of its own. */
  const copied = async (name: string): Promise<Cluster> => {
    const folder = join(root, name)
    const data = join(folder, 'data')
    await stop('fast')
    cpSync(cluster.data, data, { recursive: true })
    running = await start()
    return { folder, data, password: cluster.password }
  }
  return {
    async backUp() {
      const kept = await copied('backup')
      return {
        async restore() {
          await stop('immediate')
          rmSync(cluster.data, { recursive: true })
          cpSync(kept.data, cluster.data, { recursive: true })
          running = await start()
        },
      }
    },
    startReplica: async () => startReplica(await copied('replica'), { binaries, primaryPort: port }),
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

interface ReplicaOptions {
  readonly binaries: Binaries
  readonly primaryPort: number
}

/** On a copy of the primary's files: https://www.postgresql.org/docs/current/warm-standby.html */
async function startReplica(cluster: Cluster, { binaries, primaryPort }: ReplicaOptions): Promise<Replica> {
  const { data, password } = cluster
  writeFileSync(join(data, 'standby.signal'), '')
  const primary = `host=127.0.0.1 port=${primaryPort} user=transient password=${password}`
  appendFileSync(join(data, 'postgresql.conf'), `primary_conninfo = '${primary}'\n`)
  const port = await freePort()
  const postmaster = await startPostmaster({ cluster, binaries, address: { kind: 'port', port } })
  const client = new pg.Client(connectionUrl({ kind: 'port', port }, { user: 'transient', password, database: 'postgres' }))
  await client.connect()
  const until = async (condition: string): Promise<void> => {
    const endsAt = performance.now() + within(10_000)
    while ((await client.query(`SELECT ${condition} AS is_true`)).rows[0].is_true !== true) {
      if (performance.now() > endsAt) throw new Error(`of the replica was not so in time: ${condition}`)
      await sleep(20)
    }
  }
  await until("EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
  return {
    port,
    async detach() {
      await client.query("ALTER SYSTEM SET primary_conninfo = ''")
      await client.query('SELECT pg_reload_conf()')
      await until('NOT EXISTS (SELECT FROM pg_stat_wal_receiver)')
    },
    async promote() {
      await client.query('SELECT pg_promote()')
      await until('NOT pg_is_in_recovery()')
    },
    async close() {
      await client.end()
      await postmaster.stop()
    },
  }
}
