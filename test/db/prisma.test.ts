import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { isUniqueViolation, sqlState } from '../../src/db/errors.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createMigratedDatabase, describeDatabase } from '../support/database.js'
import { within } from '../support/pace.js'

const WAIT = { timeout: within(20_000), interval: 20 }
const OVERLOADED = expect.objectContaining({ code: 'OVERLOADED' })
const playbook = (path: string) => ({ path, version: 1, name: path, source: '' })

describeDatabase("Prisma's client", (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
  })

  test('reads and writes the same database, and JSON with all its digits', async () => {
    const workload = '{"n": 12345678901234567890.10}'
    await db.prisma(({ execution }) => execution.create({ data: { id: 9007199254740993n, status: 'running', workload } }))
    expect(
      await db.rows('SELECT id, workload::text AS workload, created_at = updated_at AS is_new FROM transient.execution'),
    ).toEqual([{ id: 9007199254740993n, workload, is_new: true }])
    await db.run(`UPDATE transient.execution SET created_at = '2024-06-01T12:00:00.123Z'`)
    expect(
      await db.prisma(({ execution }) =>
        execution.findMany({ select: { id: true, workload: true, error: true, createdAt: true, runSeq: true } }),
      ),
    ).toEqual([{ id: 9007199254740993n, workload, error: null, createdAt: new Date('2024-06-01T12:00:00.123Z'), runSeq: 0 }])
  })

  test('is a part of the transaction that it is asked in', async () => {
    const inside: unknown[] = []
    const failing = db.transaction(async (tx) => {
      tx.send(`INSERT INTO transient.playbook (path, version, name, source) VALUES ('a', 1, 'a', '')`)
      inside.push(await tx.prisma((client) => client.playbook.count()))
      await tx.prisma((client) => client.playbook.create({ data: playbook('b') }))
      inside.push(...(await tx.rows('SELECT path FROM transient.playbook ORDER BY path')))
      inside.push(await db.prisma((client) => client.playbook.count()))
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(inside).toEqual([1, { path: 'a' }, { path: 'b' }, 0])
    expect(await db.prisma((client) => client.playbook.count())).toBe(0)
  })

  test('a transaction that goes on after a failed operation is no success', async () => {
    const careless = db.transaction(async (tx) => {
      await tx.prisma((client) => client.playbook.create({ data: playbook('c') }))
      await tx.prisma((client) => client.playbook.create({ data: playbook('c') })).catch(() => undefined)
      return 'done'
    })
    await expect(careless).rejects.toSatisfy(isUniqueViolation)
    expect(await db.prisma((client) => client.playbook.count())).toBe(0)
  })

  test("fails with PostgreSQL's own error, and not with Prisma's words for it", async () => {
    const create = () => db.prisma((client) => client.playbook.create({ data: playbook('d') }))
    await create()
    const again = create()
    await expect(again).rejects.toSatisfy(isUniqueViolation)
    await expect(again).rejects.toThrow(/^duplicate key/)
    const nul = db.prisma((client) => client.playbook.findFirst({ where: { path: 'a\0b' } }))
    await expect(nul).rejects.toSatisfy((error) => sqlState(error) === '22021')
    const nested = db.prisma((client) =>
      client.execution.create({ data: { id: 6n, status: 'running', playbook: { create: playbook('e') } } }),
    )
    await expect(nested).rejects.toThrow('several statements')
    expect(await db.prisma((client) => client.playbook.count())).toBe(1)
  })

  test('callers that ask at once, before it was ever loaded, share it and all are answered', async () => {
    const fresh = await open()
    const asked = Array.from({ length: 200 }, (_, index) => {
      const sql = index % 2 === 0 ? fresh : fresh.reading()
      return sql.prisma((client) => client.playbook.findUnique({ where: { path_version: { path: `p${index}`, version: 1 } } }))
    })
    const inTransactions = Array.from({ length: 40 }, (_, index) =>
      fresh.transaction((tx) => tx.prisma((client) => client.playbook.create({ data: playbook(`t${index}`) }))),
    )
    expect(await Promise.all(asked)).toEqual(asked.map(() => null))
    expect((await Promise.all(inTransactions)).map(({ path }) => path)).toEqual(inTransactions.map((_, index) => `t${index}`))
  })

  test('has names for a bounded number of statements, and takes none from ours', async () => {
    for (let length = 1; length <= 250; length += 1) {
      const ids = Array.from({ length }, (_, index) => BigInt(index))
      // What comes for the third time gets a name.
      for (let time = 0; time < 3; time += 1) {
        await db.prisma(({ execution }) => execution.findMany({ where: { id: { in: ids } }, select: { id: true } }))
      }
    }
    for (let time = 0; time < 3; time += 1) await db.rows('SELECT 1 AS ours')
    const prepared = await db.rows<{ name: string }>('SELECT name FROM pg_prepared_statements')
    const ofPrisma = prepared.filter(({ name }) => name.startsWith('sp'))
    expect(ofPrisma.length).toBeGreaterThan(0)
    expect(ofPrisma.length).toBeLessThanOrEqual(200)
    expect(prepared.some(({ name }) => /^s\d+$/.test(name))).toBe(true)
  })
})

test("Prisma's client over a database that is not there is OVERLOADED", async () => {
  const db = createPostgresDatabase('postgresql://root@127.0.0.1:1/none')
  const count = (sql: Pick<Database, 'prisma'>) => sql.prisma((client) => client.playbook.count())
  for (const one of await Promise.allSettled([count(db), count(db.reading()), db.transaction(count)])) {
    expect(one).toMatchObject({ reason: { code: 'OVERLOADED', message: expect.stringContaining('does not answer') } })
  }
  await db.close()
})

describe("Prisma's client for a caller", () => {
  let database: CreatedDatabase
  let db: Database
  let beside: Database
  beforeAll(async () => {
    database = await createMigratedDatabase()
    db = createPostgresDatabase(database.url)
    beside = createPostgresDatabase(database.url)
  })
  afterAll(async () => {
    await db?.close()
    await beside?.close()
    await database?.drop()
  })

  const sleeping = async (): Promise<number> => {
    const [row] = await beside.rows<{ count: bigint }>(
      `SELECT count(*) AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(' || '60)%' AND datname = current_database()`,
    )
    return Number(row?.count)
  }

  test('only reads, and has the time limits of other statements', async () => {
    const write = db.reading().prisma((client) => client.playbook.create({ data: playbook('a') }))
    await expect(write).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('read-only') })
    const limit = (sql: Pick<Database, 'prisma'>) => sql.prisma((client) => client.$queryRaw<unknown>`SHOW statement_timeout`)
    expect(await limit(db)).toEqual([{ statement_timeout: '30s' }])
    expect(await limit(db.reading())).toEqual([{ statement_timeout: '10s' }])
    expect(await db.transaction(limit)).toEqual([{ statement_timeout: '30s' }])
  })

  test('is cancelled in the database when the caller leaves, and serves the next one', async () => {
    await expect(db.reading(AbortSignal.abort()).prisma((client) => client.playbook.count())).rejects.toEqual(OVERLOADED)
    const leaving = new AbortController()
    const left = db.reading(leaving.signal).prisma((client) => client.$queryRaw<unknown>`SELECT pg_sleep(60)::text`)
    const settled = expect(left).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('left') })
    await expect.poll(sleeping, WAIT).toBe(1)
    leaving.abort()
    await settled
    await expect.poll(sleeping, WAIT).toBe(0)
    expect(await db.reading(new AbortController().signal).prisma((client) => client.playbook.count())).toBe(0)
  })
})
