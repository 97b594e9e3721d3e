import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createEmptyDatabase } from '../support/database.js'
import { within } from '../support/pace.js'

const WAIT = { timeout: within(20_000), interval: 20 }
const OVERLOADED = expect.objectContaining({ code: 'OVERLOADED' })

describe('a statement on PostgreSQL', () => {
  let database: CreatedDatabase
  let db: Database
  let beside: Database

  beforeAll(async () => {
    database = await createEmptyDatabase()
    db = createPostgresDatabase(database.url)
    beside = createPostgresDatabase(database.url)
    await db.run('CREATE TABLE numbers (n integer)')
  })
  afterAll(async () => {
    await db?.close()
    await beside?.close()
    await database?.drop()
  })

  /** How many backends run a statement with the word. */
  const running = async (word: string): Promise<number> => {
    const [row] = await beside.rows<{ count: bigint }>(
      `SELECT count(*) AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%' || $1::text || '%' AND pid <> pg_backend_pid()`,
      word,
    )
    return Number(row?.count)
  }

  test('has a time limit, whoever asks; reads of callers a shorter one', async () => {
    const limit = (rows: readonly { statement_timeout: string }[]) => rows[0]?.statement_timeout
    expect(limit(await db.rows('SHOW statement_timeout'))).toBe('30s')
    expect(limit(await db.transaction((tx) => tx.rows('SHOW statement_timeout')))).toBe('30s')
    expect(limit(await db.alone('SHOW statement_timeout'))).toBe('30s')
    expect(limit(await db.reading().rows('SHOW statement_timeout'))).toBe('10s')
  })

  test('that takes longer than its limit is OVERLOADED, changes nothing, and says what to do', async () => {
    const late = db.transaction(async (tx) => {
      await tx.run('INSERT INTO numbers VALUES (1)')
      await tx.run(`SET LOCAL statement_timeout = '100ms'`)
      await tx.rows('SELECT pg_sleep(60)::text')
    })
    await expect(late).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('narrower filter') })
    expect(await db.rows('SELECT n FROM numbers')).toEqual([])
  })

  test('is cancelled in the database when its caller leaves, and only that one', async () => {
    const leaving = new AbortController()
    const other = new AbortController()
    const left = db.reading(leaving.signal).rows(`SELECT 'leaves', pg_sleep(60)::text`)
    const stays = db.reading(other.signal).rows(`SELECT 'stays', pg_sleep(60)::text`)
    const settled = Promise.all([expect(left).rejects.toEqual(OVERLOADED), expect(stays).rejects.toEqual(OVERLOADED)])
    await expect.poll(() => running('pg_sleep(60)'), WAIT).toBe(2)
    leaving.abort()
    await expect.poll(() => running(`'leaves'`), WAIT).toBe(0)
    expect(await running(`'stays'`)).toBe(1)
    other.abort()
    await settled
    // PostgreSQL shows a statement a moment longer than it answers.
    await expect.poll(() => running('pg_sleep(60)'), WAIT).toBe(0)
    expect(await db.reading(new AbortController().signal).rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('is not begun for a caller that has left already, or leaves while it waits for a connection', async () => {
    await expect(db.reading(AbortSignal.abort()).rows(`SELECT 'never'`)).rejects.toEqual(OVERLOADED)
    const leaving = new AbortController()
    const signals = Array.from({ length: 30 }, () => new AbortController())
    const all = signals.map(({ signal }) =>
      db
        .reading(signal)
        .rows('SELECT pg_sleep(50)::text')
        .catch(() => 'ended'),
    )
    await expect.poll(() => running('pg_sleep(50)'), WAIT).toBe(8)
    const waiting = db.reading(leaving.signal).rows(`SELECT 'never'`)
    leaving.abort()
    // Whoever waits, what anybody else asks has connections left.
    expect(await db.rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
    for (const one of signals) one.abort()
    await expect(waiting).rejects.toEqual(OVERLOADED)
    expect(await Promise.all(all)).toEqual(all.map(() => 'ended'))
    await expect.poll(() => running('pg_sleep(50)'), WAIT).toBe(0)
  })

  test('for a caller only reads', async () => {
    await expect(db.reading().rows('INSERT INTO numbers VALUES (1) RETURNING n')).rejects.toThrow('read-only')
  })
})
