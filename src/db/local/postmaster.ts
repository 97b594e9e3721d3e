import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readlink, realpath, rm } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programEnvironment } from '../../config.js'
import { type Address, listenSettings } from './address.js'
import type { Binaries } from './binaries.js'
import type { Cluster } from './cluster.js'
import { chooseUser } from './run-as.js'

/** Memory of one connection's process: a query that asks for more fails, and neither the server nor the machine with it. */
const MOST_MEMORY_KIB = Math.floor(Math.min(2 * 1024 ** 3, totalmem() / 4) / 1024)
const START_MS = 60_000
const POLL_MS = 10
/** A shutdown that takes longer is cut short; the next start replays the log. */
const STOP_MS = 5_000
const KEPT_LINES = 20

export interface Postmaster {
  readonly pid: number
  /** Resolves when the process is gone, with the last lines that it wrote. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/** What a cluster's `postmaster.pid` says of the process that serves it. */
export interface RunningPostmaster {
  readonly pid: number
  readonly port: number
  readonly socketFolder: string
}

/** What PostgreSQL is started with. */
export interface LocalParts {
  readonly cluster: Cluster
  readonly binaries: Binaries
  readonly address: Address
}

/**
 * Starts PostgreSQL on a cluster and waits until it takes connections.
 * @throws Error with what PostgreSQL said, when it ends before
 */
export async function startPostmaster({ cluster, binaries, address }: LocalParts): Promise<Postmaster> {
  const { prefix, ids } = await chooseUser(cluster.folder)
  const settings = Object.entries(listenSettings(address)).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [program = '', ...given] = [...withMemoryLimit(prefix), binaries.postgres, '-D', cluster.data, ...settings]
  // In a session of its own: Ctrl-C in the server's terminal must not stop the database before the server has drained.
  const watcher = startWatcher()
  const child = spawn(program, given, {
    ...{ stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...programEnvironment(), ...binaries.env } },
    ...ids,
  })
  watcher?.stdin?.write(`${child.pid}\n`)
  const lines = lastLines(child)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // Not `close`: a process of it that lives a moment longer has the pipe open, too.
    child.once('exit', () => resolve(lines()))
  })
  void ended.then(() => watcher?.kill())
  // Neither keeps this process alive: whoever forgets to stop it must still be able to end.
  child.unref()
  watcher?.unref()
  await untilReady({ data: cluster.data, child, ended })
  return {
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.ref()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
      const slow = sleep(STOP_MS, 'slow' as const, { ref: false })
      if ((await Promise.race([ended, slow])) === 'slow') child.kill('SIGQUIT')
      await ended
    },
  }
}

/**
 * A process that ends the database when this one is gone, also by `kill -9`: the pipe that it reads is closed then. The database
 * is stopped as by a crash, so that nothing of it outlives the server; the next start replays its log.
 */
function startWatcher(): ChildProcess | null {
  if (process.platform === 'win32') return null
  const script = 'read -r pid || exit; read -r _; kill -QUIT "$pid"'
  const watcher = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watcher.on('error', () => undefined)
  watcher.stdin?.on('error', () => undefined)
  return watcher
}

function withMemoryLimit(prefix: readonly string[]): string[] {
  if (process.platform !== 'linux') return [...prefix]
  return ['/bin/sh', '-c', `ulimit -v ${MOST_MEMORY_KIB}; exec "$@"`, 'sh', ...prefix]
}

function lastLines({ stderr }: ChildProcess): () => string {
  let kept: string[] = []
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    kept = [...kept, ...text.split('\n').filter((line) => line !== '')].slice(-KEPT_LINES)
  })
  return () => kept.join('; ')
}

interface Starting {
  readonly data: string
  readonly child: ChildProcess
  readonly ended: Promise<string>
}

async function untilReady({ data, child, ended }: Starting): Promise<void> {
  const deadline = performance.now() + START_MS
  let reason: string | null = null
  void ended.then((lines) => {
    reason = lines
  })
  while (reason === null && performance.now() < deadline) {
    const file = readPidFile(data)
    if (file?.pid === child.pid && file?.isReady) return
    await sleep(POLL_MS)
  }
  if (reason !== null) throw new Error(`PostgreSQL did not start: ${reason}`)
  child.kill('SIGQUIT')
  throw new Error(`PostgreSQL was not ready within ${START_MS / 1000} s: ${await ended}`)
}

interface PidFile extends RunningPostmaster {
  readonly isReady: boolean
}

/** https://www.postgresql.org/docs/current/storage-file-layout.html, `postmaster.pid`; null where there is none, or it is being written. */
function readPidFile(data: string): PidFile | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 0) return null
    const status = (lines[7] ?? '').trim()
    const isReady = status === 'ready' || status === 'standby'
    return { pid, port: Number(lines[3]), socketFolder: (lines[4] ?? '').trim(), isReady }
  } catch {
    return null
  }
}

/** The process that serves a cluster now; null where there is none. */
export async function findPostmaster({ data }: Cluster): Promise<RunningPostmaster | null> {
  const found = readPidFile(data)
  if (found === null || !isAlive(found.pid)) return null
  if (await serves(found.pid, data)) return found
  // Another program has that number by now: PostgreSQL itself would take it for its own, and refuse to start.
  await rm(join(data, 'postmaster.pid'), { force: true })
  return null
}

/** Ends a database whose server is gone, as by a crash. */
export function endPostmaster({ pid }: RunningPostmaster): void {
  if (isAlive(pid)) process.kill(pid, 'SIGQUIT')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a living process is the PostgreSQL of a folder; yes, where the system does not tell. */
async function serves(pid: number, data: string): Promise<boolean> {
  const [workingFolder, folder] = await Promise.all([readlink(`/proc/${pid}/cwd`).catch(() => null), realpath(data)])
  return workingFolder === null || workingFolder === folder
}
