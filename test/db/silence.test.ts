import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isUndecided } from '../../src/core/errors.js'
import type { Database, Sql } from '../../src/db/database.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createEmptyDatabase, serverUrl } from '../support/database.js'
import { type Line, startLine } from '../support/line.js'
import { within } from '../support/pace.js'

const WITHIN_MS = 2_000
const WAIT = { timeout: within(20_000), interval: 50 }

interface FreezableLine extends Line {
  /** From now on nothing passes, on old connections and on new ones, and none breaks. */
  freeze(): void
  thaw(): void
}

async function startFreezableLine(port: number): Promise<FreezableLine> {
  let isFrozen = false
  const open = new Set<() => void>()
  const line = await startLine(port, (near, far) => {
    const apply = () => {
      for (const socket of [near, far]) {
        if (isFrozen) socket.pause()
        else socket.resume()
      }
    }
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', (bytes) => near.write(bytes))
    open.add(apply)
    near.once('close', () => open.delete(apply))
    apply()
  })
  const set = (frozen: boolean) => () => {
    isFrozen = frozen
    for (const apply of open) apply()
  }
  return { ...line, freeze: set(true), thaw: set(false) }
}

describe('a PostgreSQL that falls silent', () => {
  let database: CreatedDatabase
  let line: FreezableLine
  let db: Database
  let told: boolean[]

  beforeAll(async () => {
    database = await createEmptyDatabase()
    line = await startFreezableLine(Number(new URL(database.url).port || 5432))
    const url = new URL(database.url)
    url.host = `127.0.0.1:${line.port}`
    db = createPostgresDatabase(url.href, { onChange: (isAnswering) => told.push(isAnswering) })
    await db.run('CREATE TABLE numbers (n integer)')
  })
  beforeEach(() => {
    told = []
  })
  afterAll(async () => {
    line?.thaw()
    await db?.close()
    await line?.close()
    await database?.drop()
  })

  const throughPrisma = (sql: Sql) => sql.prisma((client) => client.$queryRaw<unknown>`SELECT 1 AS one`)

  /** How long it took to fail, and with what. */
  async function failing(work: Promise<unknown>): Promise<{ readonly ms: number; readonly error: unknown }> {
    const began = performance.now()
    const error = await work.then(
      () => new Error('it was answered'),
      (reason: unknown) => reason,
    )
    return { ms: performance.now() - began, error }
  }

  const answersAgain = () => expect.poll(() => db.rows('SELECT 1 AS one').catch(() => null), WAIT).toEqual([{ one: 1 }])

  test('fails what is asked within two seconds, whatever it is, and recovers', async () => {
    await Promise.all([throughPrisma(db), ...Array.from({ length: 8 }, () => db.rows('SELECT pg_sleep(0.1)::text'))])
    let issue: () => void = () => undefined
    const isIssued = new Promise<void>((resolve) => {
      issue = resolve
    })
    const open = db.transaction(async (tx) => {
      await tx.run('INSERT INTO numbers VALUES (1)')
      await isIssued
      return tx.rows('SELECT 2')
    })
    await sleep(100)
    line.freeze()
    issue()
    const all = await Promise.all([
      failing(db.rows('SELECT 1')),
      failing(db.texts('SELECT 1')),
      failing(db.reading().rows('SELECT 1')),
      failing(db.transaction((tx) => tx.run('INSERT INTO numbers VALUES (2)'))),
      failing(db.alone('INSERT INTO numbers VALUES (3) RETURNING n')),
      failing(open),
      failing(throughPrisma(db)),
      failing(throughPrisma(db.reading())),
      failing(db.transaction(throughPrisma)),
      // More than there are connections: most of them wait for one.
      ...Array.from({ length: 60 }, () => failing(db.rows('SELECT 1'))),
      ...Array.from({ length: 30 }, () => failing(db.reading().rows('SELECT 1'))),
    ])
    expect(all.map(({ error }) => error)).toEqual(all.map(() => expect.objectContaining({ code: 'OVERLOADED' })))
    expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThan(WITHIN_MS)
    // What was sent and got no answer may have happened.
    expect(all.map(({ error }) => isUndecided(error)).slice(0, 6)).toEqual([false, false, false, false, true, false])
    expect((await failing(db.rows('SELECT 1'))).ms).toBeLessThan(within(200))
    expect((await failing(throughPrisma(db))).ms).toBeLessThan(within(200))
    expect(told).toEqual([false])

    line.thaw()
    await answersAgain()
    expect(told).toEqual([false, true])
    expect((await db.rows<{ n: number }>('SELECT n FROM numbers WHERE n < 3')).map(({ n }) => n)).toEqual([])
  })

  test('does not answer a commit: that may stand', async () => {
    let commit: () => void = () => undefined
    const isTime = new Promise<void>((resolve) => {
      commit = resolve
    })
    const done = failing(
      db.transaction(async (tx) => {
        await tx.run('INSERT INTO numbers VALUES (4)')
        await isTime
      }),
    )
    await sleep(100)
    line.freeze()
    commit()
    expect(isUndecided((await done).error)).toBe(true)
    line.thaw()
    await answersAgain()
  })

  test('is not mistaken for one that is slow', async () => {
    const began = performance.now()
    await Promise.all([
      db.rows('SELECT pg_sleep(3)::text'),
      db.transaction((tx) => tx.rows('SELECT pg_sleep(3)::text')),
      db.reading().rows('SELECT pg_sleep(3)::text'),
      ...Array.from({ length: 20 }, () => db.rows('SELECT pg_sleep(0.9)::text')),
    ])
    expect(performance.now() - began).toBeGreaterThan(3_000)
    expect(told).toEqual([])
  })

  test('is not mistaken for one whose answers this process had no time to read', async () => {
    // The first question of all needs a connection, and that several turns of the event loop.
    const fresh: boolean[] = []
    const busy = createPostgresDatabase(database.url, { onChange: (isAnswering) => fresh.push(isAnswering) })
    const asked = Promise.all(Array.from({ length: 4 }, () => busy.rows('SELECT pg_sleep(2)::text')))
    for (let turn = 0; turn < 4; turn += 1) {
      const until = performance.now() + 1_200
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve))
    }
    await asked
    expect(fresh).toEqual([])
    await busy.close()
  })

  test('that closed the connection which asks is asked over another', async () => {
    await db.rows('SELECT pg_sleep(1.5)::text')
    const killed = await db.rows(
      'SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    expect(killed.length).toBeGreaterThan(0)
    await db.rows('SELECT pg_sleep(1.5)::text')
    expect(told).toEqual([])
  })

  test('because its processes are stopped, is left for new ones', async () => {
    const direct = createPostgresDatabase(serverUrl())
    await Promise.all(Array.from({ length: 5 }, () => db.rows('SELECT pg_sleep(0.1)::text')))
    await db.rows('SELECT pg_sleep(1.2)::text')
    const pids = await direct.rows<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE datname = $1::text',
      nameOf(database.url),
    )
    const signal = (name: NodeJS.Signals) => {
      for (const { pid } of pids) process.kill(pid, name)
    }
    try {
      signal('SIGSTOP')
    } catch {
      return console.warn('SKIPPED: this user may not stop PostgreSQL processes')
    }
    try {
      const { ms, error } = await failing(db.rows('SELECT 1'))
      expect(error).toMatchObject({ code: 'OVERLOADED' })
      expect(ms).toBeLessThan(WITHIN_MS)
      await answersAgain()
    } finally {
      signal('SIGCONT')
      await direct.close()
    }
  })
})

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
