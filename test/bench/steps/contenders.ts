import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { PEERS } from '../support/peers.js'
import type { EngineRequest, RunReport } from './engine.js'
import { cpuSecondsOf } from './machine.js'

const ENGINE = fileURLToPath(new URL('./engine.ts', import.meta.url))

export interface Measured extends RunReport {
  /** Of the database's or Redis' processes. */
  readonly serverCpuSeconds: number
}

/** A process that runs flows when it is asked to. */
export interface Contender {
  run(request: EngineRequest): Promise<Measured>
  end(): Promise<void>
}

interface Program {
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly execArgv?: readonly string[]
  /** The name of the processes that store its data. */
  readonly serverName: string
}

/** Our server, on a PostgreSQL that runs, or (null) on one of its own in a folder. */
export function engine(
  databaseUrl: string | null,
  dataDir: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Contender> {
  const env = { PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl ?? '', NATS_URL: '', LOG_LEVEL: 'warn', ...more }
  return open({
    file: ENGINE,
    env,
    // The first as `npm start` has it.
    execArgv: ['--max-semi-space-size=32', '--import', 'tsx', ...profile()],
    serverName: 'postgres',
  })
}

export function bullmq(redisUrl: string, concurrency = 100): Promise<Contender> {
  return open({ file: `${PEERS}bullmq.mjs`, args: [redisUrl, String(concurrency)], serverName: 'redis-server' })
}

export function dbos(databaseUrl: string): Promise<Contender> {
  return open({ file: `${PEERS}dbos.mjs`, args: [databaseUrl], serverName: 'postgres' })
}

/** `BENCH_PROFILE=<folder>` writes what our process does there. */
function profile(): string[] {
  const folder = process.env['BENCH_PROFILE']
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

async function open({ file, args = [], env = {}, execArgv = [], serverName }: Program): Promise<Contender> {
  const child = fork(file, args, { env: { ...process.env, ...env }, execArgv: [...execArgv] })
  await answer(child)
  return {
    async run(request) {
      const before = cpuSecondsOf(serverName)
      const answered = answer<RunReport>(child)
      child.send(request)
      const report = await answered
      return { ...report, serverCpuSeconds: cpuSecondsOf(serverName) - before }
    },
    end() {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      if (file === ENGINE) child.send('end')
      else child.disconnect()
      return gone
    },
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`${child.spawnargs.at(-1)} ended with ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.removeListener('exit', ended)
      resolve(message as T)
    })
  })
}
