import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ProcessLock, takeProcessLock } from '../../src/db/process-lock.js'
import { createEmptyDatabase } from '../support/database.js'
import { WAIT, within } from '../support/pace.js'

describe('the process lock', () => {
  let databaseUrl: string
  let client: pg.Client
  let drop: () => Promise<void>
  const held: ProcessLock[] = []

  beforeAll(async () => {
    const created = await createEmptyDatabase()
    databaseUrl = created.url
    drop = created.drop
    client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
  })
  afterEach(() => Promise.all(held.splice(0).map((lock) => lock.release())))
  afterAll(async () => {
    await client.end()
    await drop()
  })

  async function take(
    isShared: boolean,
    { leaseMs = within(600), takeMs = 0, onLost = (_error: Error): void => undefined } = {},
  ) {
    const lock = await takeProcessLock({ databaseUrl, isShared, leaseMs, takeMs, onLost })
    held.push(lock)
    return lock
  }
  const holders = `FROM pg_locks WHERE locktype = 'advisory' AND classid = 72707370 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
  const endSessions = () => client.query(`SELECT pg_terminate_backend(pid) ${holders}`)
  const holderPids = async () => (await client.query<{ pid: number }>(`SELECT pid ${holders}`)).rows.map(({ pid }) => pid)

  test('one process without NATS has the database for itself, until it releases it', async () => {
    const first = await take(false)
    await expect(take(false)).rejects.toThrow(/another process already runs on this database \(transient .*NATS_URL/)
    await expect(take(true)).rejects.toThrow(/without NATS_URL runs on this database \(transient .*\)/)
    await first.release()
    await take(false)
  })

  test('processes with NATS share it, and let none without in', async () => {
    await Promise.all([take(true), take(true), take(true)])
    await expect(take(false)).rejects.toThrow('NATS_URL')
  })

  test('a holder that says nothing for its lease loses the lock; one that lives keeps it', async () => {
    const other = new pg.Client({ connectionString: databaseUrl })
    other.on('error', () => undefined)
    await other.connect()
    await other.query(`SET idle_session_timeout = ${within(600)}`)
    await other.query('SELECT pg_advisory_lock(72707370, 1)')
    await expect(take(false)).rejects.toThrow('already runs')
    await take(false, { takeMs: within(6000), leaseMs: within(600) })
    await sleep(within(1000))
    await expect(take(false)).rejects.toThrow('already runs')
  })

  test('a lost session is replaced; a lock that went to another is told', async () => {
    const onLost = vi.fn()
    await take(false, { onLost, leaseMs: within(800) })
    const first = await holderPids()
    await endSessions()
    // The ended session holds the lock for a moment more: another one is waited for.
    await vi.waitFor(async () => expect((await holderPids()).filter((pid) => !first.includes(pid))).toHaveLength(1), {
      timeout: within(8000),
    })
    expect(onLost).not.toHaveBeenCalled()
    const other = new pg.Client({ connectionString: databaseUrl })
    other.on('error', () => undefined)
    await other.connect()
    const taken = other.query('SELECT pg_advisory_lock(72707370, 1)')
    const waiting = async () => (await client.query(`SELECT 1 ${holders.replace('granted', 'NOT granted')}`)).rows
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), WAIT)
    await endSessions()
    await taken
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledTimes(1), { timeout: within(8000) })
    await other.end()
  })
})
