import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { isUniqueViolation, sqlState } from '../../src/db/errors.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { describeDatabase, serverUrl } from '../support/database.js'

describeDatabase('database', (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
  })

  test('texts that come once take no name of a prepared statement from those that come again', async () => {
    const own = await open()
    for (let size = 1; size <= 600; size += 1) await own.rows(`SELECT 1 AS once LIMIT ${size}`)
    const names = () => own.rows<{ statement: string }>('SELECT statement FROM pg_prepared_statements')
    for (let time = 1; time <= 20; time += 1) await own.rows('SELECT 2 AS again')
    const prepared = (await names()).map(({ statement }) => statement)
    expect(prepared).toContain('SELECT 2 AS again')
    expect(prepared.filter((statement) => statement.includes('once'))).toEqual([])
  })

  test('parameters and columns keep their types and digits', async () => {
    const at = new Date('2024-06-01T12:00:00.123Z')
    const rows = await db.rows(
      `SELECT $1::bigint AS from_text, $2::bigint AS from_bigint, $3::text AS nothing, $4::timestamptz AS at, $4::timestamptz::text AS at_text,
         $5::text[] AS list, $6::jsonb::text AS json, $7::boolean AS flag, $8::integer AS number, $9::bigint[] AS ids, count(*) AS count`,
      '507861119290048685',
      507861119290048685n,
      null,
      at,
      ['a', 'b"c', ''],
      '{"digits": 12345678901234567890.10}',
      true,
      5,
      ['9007199254740993', '1'],
    )
    expect(rows).toEqual([
      {
        from_text: 507861119290048685n,
        from_bigint: 507861119290048685n,
        nothing: null,
        at,
        at_text: '2024-06-01 12:00:00.123+00',
        list: ['a', 'b"c', ''],
        json: '{"digits": 12345678901234567890.10}',
        flag: true,
        number: 5,
        ids: [9007199254740993n, 1n],
        count: 1n,
      },
    ])
  })

  test('run answers the number of rows touched', async () => {
    expect(await db.run(`INSERT INTO transient.execution (id, status) VALUES (1, 'running'), (2, 'running')`)).toBe(2)
    expect(await db.run('DELETE FROM transient.execution WHERE id = $1::bigint', '1')).toBe(1)
  })

  test('a transaction that throws leaves nothing behind', async () => {
    await expect(
      db.transaction(async (tx) => {
        await tx.run(`INSERT INTO transient.execution (id, status) VALUES (77, 'running')`)
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    expect(await db.rows('SELECT 1 FROM transient.execution WHERE id = 77')).toEqual([])
  })

  test('a commit that fails is an error', async () => {
    await db.run('CREATE TABLE public.parent (id INTEGER PRIMARY KEY)')
    await db.run('CREATE TABLE public.child (id INTEGER REFERENCES public.parent (id) DEFERRABLE INITIALLY DEFERRED)')
    // More often than the pool has connections: none may be lost.
    for (let n = 0; n < 25; n += 1) {
      const failing = db.transaction((tx) => tx.run('INSERT INTO public.child VALUES (1)'))
      await expect(failing).rejects.toSatisfy((error) => sqlState(error) === '23503')
    }
    expect(await db.rows('SELECT 1 FROM public.child')).toEqual([])
    expect(await db.transaction((tx) => tx.rows('SELECT 1 AS one'))).toEqual([{ one: 1 }])
  })

  test('a transaction that goes on after a failed statement is no success', async () => {
    const careless = db.transaction(async (tx) => {
      await tx.run(`INSERT INTO transient.execution (id, status) VALUES (78, 'running')`)
      await tx.run('SELECT 1 / 0').catch(() => undefined)
      return 'done'
    })
    await expect(careless).rejects.toSatisfy((error) => sqlState(error) === '22012')
    expect(await db.rows('SELECT 1 FROM transient.execution WHERE id = 78')).toEqual([])
  })

  test('a deadlock or serialisation failure runs the transaction again, three times in all', async () => {
    for (const state of ['40P01', '40001']) {
      let tries = 0
      const answer = await db.transaction(async (tx) => {
        tries += 1
        if (tries < 3) await tx.run(`DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '${state}'; END $$`)
        return 'won'
      })
      expect({ state, tries, answer }).toEqual({ state, tries: 3, answer: 'won' })
    }
    let tries = 0
    const lost = db.transaction(async (tx) => {
      tries += 1
      await tx.run(`DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$`)
    })
    await expect(lost).rejects.toSatisfy((error) => sqlState(error) === '40P01')
    expect(tries).toBe(3)
  })

  test('any other error is not tried again and keeps its state', async () => {
    await db.run(`INSERT INTO transient.execution (id, status) VALUES (5, 'running')`)
    const again = db.run(`INSERT INTO transient.execution (id, status) VALUES (5, 'running')`)
    await expect(again).rejects.toSatisfy(isUniqueViolation)
  })

  test('concurrent transactions on one row lose no update', async () => {
    await db.run(`INSERT INTO transient.execution (id, status) VALUES (9, 'running')`)
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction(async (tx) => {
          const [row] = await tx.rows<{ n: bigint }>(
            'SELECT revision AS n FROM transient.execution WHERE id = 9 FOR NO KEY UPDATE',
          )
          await sleep(1)
          await tx.run('UPDATE transient.execution SET revision = $1::bigint WHERE id = 9', (row?.n ?? 0n) + 1n)
        }),
      ),
    )
    expect(await db.rows('SELECT revision FROM transient.execution WHERE id = 9')).toEqual([{ revision: 20n }])
  })
})

test('a database that does not answer is OVERLOADED', async () => {
  const db = createPostgresDatabase('postgresql://root@127.0.0.1:1/none')
  await expect(db.rows('SELECT 1')).rejects.toMatchObject({ code: 'OVERLOADED' })
  await expect(db.run('SELECT 1')).rejects.toMatchObject({ code: 'OVERLOADED' })
  await expect(db.transaction((tx) => tx.rows('SELECT 1'))).rejects.toMatchObject({ code: 'OVERLOADED' })
  await db.close()
})

test('a connection that the server ends is OVERLOADED, and the next statement works', async () => {
  const db = createPostgresDatabase(serverUrl())
  await expect(db.rows('SELECT pg_terminate_backend(pg_backend_pid())::text')).rejects.toMatchObject({ code: 'OVERLOADED' })
  expect(await db.rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
  await db.close()
})
