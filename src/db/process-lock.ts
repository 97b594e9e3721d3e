import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { errorMessage } from '../core/errors.js'

/** Our advisory lock: held alone by a process without NATS, shared by processes with it. */
const LOCK = [72_707_370, 1]
const LEASE_MS = 30_000
const CONNECT_MS = 10_000
const TAKE_MS = 3_000
const RETRY_MS = 250

export interface ProcessLock {
  release(): Promise<void>
}

export interface ProcessLockOptions {
  readonly databaseUrl: string
  /** Whether other processes may share the database: they hear of each other's work over NATS. */
  readonly isShared: boolean
  /** A holder that is silent this long has lost the lock. */
  readonly leaseMs?: number
  /** How long a holder is waited for: the session of a process that was just killed may live a moment longer. */
  readonly takeMs?: number
  /** The lock went to another process while this one was frozen or cut off: it must stop. */
  readonly onLost: (error: Error) => void
}

/**
 * Makes sure that several processes run on one PostgreSQL only if all have NATS. The lock belongs to a session of its own, so
 * it is free at once when the process is killed; a frozen one, or one whose machine is gone, loses its session to
 * `idle_session_timeout`.
 * @throws Error with what to do, when the processes that run do not go with this one
 */
export async function takeProcessLock(options: ProcessLockOptions): Promise<ProcessLock> {
  const { databaseUrl, isShared, leaseMs = LEASE_MS, takeMs = TAKE_MS, onLost } = options
  const wanted: Wanted = { databaseUrl, isShared, leaseMs }
  const released = new AbortController()
  let session = await takeInTime(wanted, takeMs)

  /** null when another process has the lock. What holds it may be our own lost session, for as long as its lease. */
  async function takeAgain(): Promise<Session | null> {
    while (!released.signal.aborted) {
      try {
        return await takeInTime(wanted, 1.5 * leaseMs)
      } catch (error) {
        if (error instanceof ProcessLockTaken) {
          onLost(error)
          return null
        }
        await pause(RETRY_MS, released.signal)
      }
    }
    return null
  }

  async function keep(): Promise<void> {
    while (!released.signal.aborted) {
      await Promise.race([session.ended, pause(leaseMs / 3, released.signal)])
      if (released.signal.aborted || (await isAlive(session))) continue
      void session.end()
      const next = await takeAgain()
      if (next === null) return
      session = next
    }
  }
  const keeping = keep()

  return {
    async release() {
      released.abort()
      // It may just be waiting for a database that is away.
      await Promise.race([keeping, sleep(1000, undefined, { ref: false })])
      await session.end()
    },
  }
}

/** A connection that holds the lock as long as it lasts. */
interface Session {
  readonly client: pg.Client
  readonly ended: Promise<void>
  end(): Promise<void>
}

function isAlive({ client }: Session): Promise<boolean> {
  return client.query('SELECT 1').then(
    () => true,
    () => false,
  )
}

class ProcessLockTaken extends Error {}

type Wanted = Required<Pick<ProcessLockOptions, 'databaseUrl' | 'isShared' | 'leaseMs'>>

async function takeInTime(wanted: Wanted, takeMs: number): Promise<Session> {
  const deadline = performance.now() + takeMs
  for (;;) {
    try {
      return await take(wanted)
    } catch (error) {
      if (!(error instanceof ProcessLockTaken) || performance.now() > deadline) throw error
      await sleep(RETRY_MS)
    }
  }
}

/** @throws ProcessLockTaken; Error when the database does not answer */
async function take({ databaseUrl, isShared, leaseMs }: Wanted): Promise<Session> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: leaseMs,
    keepAlive: true,
  })
  // Without a listener a connection lost between two statements would end the process.
  client.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => client.once('end', resolve))
  const end = () => client.end().catch(() => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new Error(`no connection to the database of DATABASE_URL: ${errorMessage(error)}`, { cause: error })
  }
  try {
    await client.query(`SELECT set_config('application_name', $1, false)`, [`transient ${hostname()}:${process.pid}`])
    // PostgreSQL 14 and later; before that a frozen holder keeps the lock.
    await client.query(`SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'`, [
      String(leaseMs),
    ])
    const lock = isShared ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock'
    const { rows } = await client.query<{ taken: boolean }>(`SELECT ${lock}($1::int, $2::int) AS taken`, LOCK)
    if (rows[0]?.taken === true) return { client, ended, end }
    throw new ProcessLockTaken(refusal(await holders(client), { isShared, leaseMs }))
  } catch (error) {
    await end()
    throw error
  }
}

/**
 * The processes that hold the lock, by name; empty where none does.
 * @throws Error when the database does not answer
 */
export async function findLockHolders(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await holders(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function holders(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ application_name: string }>(
    `SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int AND l.objid = $2::int AND a.datname = current_database()`,
    LOCK,
  )
  return rows.map((row) => row.application_name).join(', ')
}

function refusal(names: string, { isShared, leaseMs }: Pick<Wanted, 'isShared' | 'leaseMs'>): string {
  const who = names || 'ended just now'
  const forgotten = `One that died silently is forgotten within ${Math.ceil(leaseMs / 1000)} s.`
  if (isShared) {
    return `a process without NATS_URL runs on this database (${who}): give it the same NATS_URL, or stop it. ${forgotten}`
  }
  return (
    `another process already runs on this database (${who}). Several processes hear of each other's work over NATS: ` +
    `set the same NATS_URL for all, or stop the other one. ${forgotten}`
  )
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
