import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isUndecided } from '../../src/core/errors.js'
import type { Database } from '../../src/db/database.js'
import { sqlState } from '../../src/db/errors.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createEmptyDatabase } from '../support/database.js'
import { type CountedLine, countRoundTrips } from '../support/round-trips.js'
import { createService, increment, newId, remove, set, write } from '../variables/support.js'

const PARENT = `INSERT INTO transient.execution (id, status) VALUES ($1::bigint, 'running')`
const FIND = 'SELECT id FROM transient.execution WHERE id = $1::bigint'

/** What operations cost whatever the machine: how often a caller waits for PostgreSQL. */
describe('round trips to PostgreSQL', () => {
  let database: CreatedDatabase
  let line: CountedLine
  let db: Database
  beforeAll(async () => {
    database = await createEmptyDatabase()
    await migratePostgres(database.url)
    line = await countRoundTrips(database.url)
    db = createPostgresDatabase(line.url)
    await db.rows('SELECT 1')
    line.count()
  })
  afterAll(async () => {
    await db.close()
    await line.close()
    await database.drop()
  })

  async function tripsOf(work: () => Promise<unknown>): Promise<number> {
    line.count()
    await work()
    return line.count()
  }

  test('BEGIN travels with the first statements, COMMIT with those whose answers nobody waits for', async () => {
    const trips = await tripsOf(() =>
      db.transaction(async (tx) => {
        const [one, two] = await Promise.all([tx.rows('SELECT 1 AS n'), tx.rows('SELECT $1::int AS n', 2)])
        expect([one, two]).toEqual([[{ n: 1 }], [{ n: 2 }]])
        tx.send(PARENT, 1)
        tx.send(PARENT, 2)
      }),
    )
    expect(trips).toBe(2)
    expect(await db.rows(FIND, 2)).toEqual([{ id: 2n }])
    expect(await tripsOf(() => db.transaction(async (tx) => tx.send(PARENT, 3)))).toBe(1)
  })

  test('each statement that waits for another is one more', async () => {
    const trips = await tripsOf(() =>
      db.transaction(async (tx) => {
        await tx.rows('SELECT 1')
        await tx.run(PARENT, 4)
      }),
    )
    expect(trips).toBe(3)
  })

  test('statements behind one that fails are not carried out, and the connection goes on', async () => {
    const failing = db.transaction(async (tx) => {
      tx.send(PARENT, 10)
      tx.send('SELECT 1 / $1::int', 0)
      tx.send(PARENT, 11)
    })
    await expect(failing).rejects.toSatisfy((error) => sqlState(error) === '22012' && !isUndecided(error))
    expect(await db.rows('SELECT id FROM transient.execution WHERE id IN (10, 11)')).toEqual([])
    const together = await Promise.allSettled([db.rows('SELECT 1 / $1::int', 0), db.rows('SELECT 4 / $1::int AS n', 2)])
    expect(together[1]).toEqual({ status: 'fulfilled', value: [{ n: 2 }] })
  })

  test('a commit whose answer was lost is undecided: it may stand, and is not repeated', async () => {
    let tries = 0
    const lost = db.transaction(async (tx) => {
      tries += 1
      await tx.rows('SELECT 1')
      line.loseNextAnswer()
      tx.send(PARENT, 20)
    })
    await expect(lost).rejects.toSatisfy((error) => isUndecided(error))
    expect(tries).toBe(1)
    expect(await db.rows(FIND, 20)).toEqual([{ id: 20n }])
  })

  test('an answer lost before the commit was sent is decided', async () => {
    const lost = db.transaction(async (tx) => {
      line.loseNextAnswer()
      await tx.run(PARENT, 21)
    })
    await expect(lost).rejects.toMatchObject({ code: 'OVERLOADED' })
    await expect(lost).rejects.toSatisfy((error) => !isUndecided(error))
    expect(await db.rows(FIND, 21)).toEqual([])
  })

  test('a lone statement whose answer was lost is undecided, too; one that was refused is not', async () => {
    expect(await tripsOf(() => db.alone(PARENT, 30))).toBe(1)
    line.loseNextAnswer()
    await expect(db.alone(PARENT, 31)).rejects.toSatisfy((error) => isUndecided(error))
    expect(await db.rows(FIND, 31)).toEqual([{ id: 31n }])
    await expect(db.alone(PARENT, 31)).rejects.toSatisfy((error) => sqlState(error) === '23505' && !isUndecided(error))
  })

  test('a write takes one where its execution is remembered, however many share it; else two, and three for a new one', async () => {
    const service = createService(db)
    const ids = Array.from({ length: 20 }, newId)
    expect(await tripsOf(() => write(service, ids[0] as string, set('a', 1)))).toBe(3)
    await Promise.all(ids.map((id) => write(service, id, set('a', 1))))
    expect(await tripsOf(() => write(service, ids[0] as string, set('a', 2), increment('n'), remove('gone')))).toBe(2)
    expect(await tripsOf(() => write(service, ids[0] as string, set('a', 3)))).toBe(1)
    expect(await tripsOf(() => Promise.all(ids.map((id) => write(service, id, set('a', 4)))))).toBe(1)
    const another = createService(db)
    expect(await tripsOf(() => Promise.all(ids.map((id) => write(another, id, set('a', 5)))))).toBe(2)
  })

  test('a write whose answer was lost may stand, is not repeated, and what it may have left is not remembered', async () => {
    const service = createService(db)
    const id = newId()
    await write(service, id, set('n', 1))
    line.loseNextAnswer()
    await expect(write(service, id, increment('n'))).rejects.toMatchObject({ code: 'OVERLOADED' })
    expect(await write(service, id, increment('n'))).toMatchObject({ outcomes: [{ variable: { value: 3, version: 3 } }] })
  })
})
