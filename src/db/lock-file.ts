import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Releases a lock file. Idempotent. */
export type ReleaseLock = () => Promise<void>

interface Holder {
  readonly pid: number
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  readonly startedAt: string | null
  readonly nonce: string
}

/** A lock that is being written has no content for a moment. */
const EMPTY_RETRIES = 20
const EMPTY_RETRY_MS = 25
const GUARD_LIFE_MS = 2000

/** Locks of this process: its own pid is no proof that it holds a lock file, in a container every process may be pid 1. */
const heldNonces = new Set<string>()

/**
 * Takes `<dataDir>/lock`, so that only one process opens the embedded database. The lock of a process that is gone is
 * taken over.
 * @throws Error naming the process that holds it
 */
export async function acquireLockFile(dataDir: string): Promise<ReleaseLock> {
  const path = join(dataDir, 'lock')
  const own: Holder = { pid: process.pid, startedAt: processStart(process.pid), nonce: randomUUID() }
  for (let tries = 0; tries < EMPTY_RETRIES; tries += 1) {
    if (await tryCreate(path, own)) return createRelease(path, own.nonce)
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null) continue
    const holder = parseHolder(text)
    if (holder !== null && isAlive(holder)) {
      throw new Error(
        `the data folder ${dataDir} is in use by process ${holder.pid}: stop that process, or give this one ` +
          'another folder (DATA_DIR) or a PostgreSQL database (DATABASE_URL), which several processes may share',
      )
    }
    if (holder === null && tries < EMPTY_RETRIES - 2) await sleep(EMPTY_RETRY_MS)
    else await removeStale(path, text)
  }
  throw new Error(`the lock of the data folder ${dataDir} could not be taken: another process is starting on it; try again`)
}

async function tryCreate(path: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(own), { flag: 'wx' })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
  heldNonces.add(own.nonce)
  return true
}

function createRelease(path: string, nonce: string): ReleaseLock {
  return async () => {
    if (!heldNonces.delete(nonce)) return
    const text = await readFile(path, 'utf8').catch(() => '')
    if (parseHolder(text)?.nonce === nonce) await rm(path, { force: true })
  }
}

/**
 * Removes a stale lock. Only who holds the guard file may remove, so that of many who saw the same stale lock none
 * removes the new one of another; the guard of a process that died at this very moment is given up after a while.
 */
async function removeStale(path: string, staleText: string): Promise<void> {
  const guard = `${path}.takeover`
  try {
    await writeFile(guard, '', { flag: 'wx' })
  } catch {
    const since = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (since > GUARD_LIFE_MS) await rm(guard, { force: true })
    await sleep(EMPTY_RETRY_MS)
    return
  }
  try {
    if ((await readFile(path, 'utf8').catch(() => null)) === staleText) await rm(path)
  } finally {
    await rm(guard, { force: true })
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const { pid, startedAt, nonce } = value as Partial<Holder>
    if (typeof pid !== 'number' || typeof nonce !== 'string') return null
    return { pid, startedAt: typeof startedAt === 'string' ? startedAt : null, nonce }
  } catch {
    return null
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === process.pid) return heldNonces.has(holder.nonce)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it lives, as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  const startedAt = processStart(holder.pid)
  return startedAt === null || holder.startedAt === null || startedAt === holder.startedAt
}

/** When a process started, since which boot (Linux); null elsewhere. */
function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; the fields after it are plain. Field 22 is the start time.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return `${boot}:${fields[19]}`
  } catch {
    return null
  }
}
