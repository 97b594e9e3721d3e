import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type TransientClient } from '../support/client.js'
import { hasNatsServer, startTestNats, type TestNats } from '../support/nats.js'
import { type PostgresCluster, startPostgresCluster } from '../support/postgres-cluster.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { startWorker, until, type WorkerProcess } from '../support/worker.js'
import { type Balancer, startBalancer } from './balancer.js'
import { createDatabase } from './databases.js'

/** A process that can be killed or frozen, and started again. */
export interface Victim {
  readonly name: string
  readonly pid: () => number
  kill(): Promise<void>
  start(): Promise<unknown>
}

/** API processes and workers, with a PostgreSQL and a NATS of their own, behind one port. */
export interface Fleet {
  readonly url: string
  readonly client: TransientClient
  readonly servers: readonly TestServer[]
  readonly workers: readonly Victim[]
  readonly postgres: PostgresCluster
  readonly nats: TestNats
  readonly databaseUrl: string
  /** What postgres steps write to, as connection `effects`. */
  readonly effectsUrl: string
  close(): Promise<void>
}

export interface FleetOptions {
  readonly servers: number
  readonly workers?: number
  readonly env?: Readonly<Record<string, string>>
}

/** What the servers of a fleet are told about the lines to their database and bus, where these are not direct. */
export interface Lines {
  readonly databaseUrl: string
  readonly natsUrl: string
}

export const WORKER_POOL = 'chaos'
export const LEASE_MS = 1000

/** Without the sandbox, which has tests of its own, and past pyenv, which takes half a second at every start of a process. */
const PYTHON = {
  PYTHON: execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim(),
  PYTHON_SANDBOX: 'off',
}

/** Starts all of it; null, said aloud, where `nats-server` is not installed. */
export async function startFleet(
  { servers: count, workers: workerCount = 0, env: more = {} }: FleetOptions,
  lineOf: (direct: Lines, index: number) => Promise<Lines> = async (direct) => direct,
): Promise<Fleet | null> {
  const [postgres, nats] = hasNatsServer ? await Promise.all([startPostgresCluster(), startTestNats()]) : [null, null]
  if (postgres === null || nats === null) {
    console.warn('SKIPPED: nats-server must be installed here to be killed')
    return null
  }
  const folder = mkdtempSync(join(tmpdir(), 'transient-chaos-'))
  const databaseUrl = await createDatabase(postgres.url, 'product')
  const effectsUrl = await createDatabase(postgres.url, 'effects')
  const env = {
    LEASE_SECONDS: String(LEASE_MS / 1000),
    CONNECTIONS: JSON.stringify({ effects: effectsUrl }),
    CONCURRENCY: '8',
    ...PYTHON,
  }
  const startServer = async (index: number): Promise<TestServer> => {
    const line = await lineOf({ databaseUrl, natsUrl: nats.url }, index)
    const settings = { ...env, DATABASE_URL: line.databaseUrl, NATS_URL: line.natsUrl, LOG_LEVEL: 'warn', ...more }
    return startTestServer({ env: settings, dataDir: folder })
  }
  const servers = await Promise.all(Array.from({ length: count }, (_, index) => startServer(index)))
  const entrance: Balancer = await startBalancer(servers.map(({ url }) => url))
  const workers = Array.from({ length: workerCount }, (_, index) =>
    createWorkerVictim(`worker ${index}`, () =>
      startWorker(entrance.url, ['--pool', WORKER_POOL, '--concurrency', '8'], {
        CONNECTIONS: env.CONNECTIONS,
        ...PYTHON,
      }),
    ),
  )
  await Promise.all(workers.map((worker) => worker.start()))
  return {
    url: entrance.url,
    client: createClient(entrance.url),
    ...{ servers, workers, postgres, nats, databaseUrl, effectsUrl },
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()))
      await Promise.all(servers.map((server) => server.kill()))
      await entrance.close()
      await nats.close()
      await postgres.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function createWorkerVictim(name: string, spawn: () => WorkerProcess): Victim {
  let running: WorkerProcess | null = null
  return {
    name,
    pid: () => running?.pid ?? 0,
    async start() {
      const started = spawn()
      running = started
      await Promise.race([until(() => started.output().includes('claims tasks'), `${name} claims tasks`), started.ended])
    },
    async kill() {
      const killed = running
      running = null
      killed?.signal('SIGKILL')
      await killed?.ended
    },
  }
}
