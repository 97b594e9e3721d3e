import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isUndecided } from '../../src/core/errors.js'
import type { Database } from '../../src/db/database.js'
import { openEmbeddedEngine } from '../../src/db/embedded.js'
import { sqlState } from '../../src/db/errors.js'
import { createPgliteDatabase, type PgliteEngine } from '../../src/db/pglite.js'

let folder: string
let engine: PgliteEngine
let packets = 0
let db: Database

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transient-embedded-'))
  engine = await openEmbeddedEngine(folder)
  db = createPgliteDatabase({
    run(packet) {
      packets += 1
      return engine.run(packet)
    },
    close: () => engine.close(),
  })
})
afterAll(async () => {
  await engine.close()
  await rm(folder, { recursive: true, force: true })
})

const BIRTH = `INSERT INTO transient.execution (id, status) VALUES ($1::bigint, 'running')`
const FIND = 'SELECT id FROM transient.execution WHERE id = $1::bigint'

test('the process goes on while a statement runs', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const began = performance.now()
  await db.rows('SELECT count(*) FROM generate_series(1, 3000000)')
  const took = performance.now() - began
  expect(took).toBeGreaterThan(200)
  expect(delay.count, `${took.toFixed()} ms with ${delay.count} turns`).toBeGreaterThan(10)
})

test('statements of a transaction that are issued together travel together', async () => {
  packets = 0
  await db.transaction(async (tx) => {
    await Promise.all([tx.rows(FIND, 1), tx.rows(FIND, 2)])
    tx.send(BIRTH, 1)
    tx.send(BIRTH, 2)
  })
  expect(packets).toBe(2)
  expect(await db.rows(FIND, 2)).toEqual([{ id: 2n }])
})

test('a transaction has the connection alone, and the others follow in their order', async () => {
  const order: string[] = []
  const slow = db.transaction(async (tx) => {
    await tx.run(BIRTH, 10)
    await new Promise((resolve) => setTimeout(resolve, 30))
    order.push('transaction')
    await tx.run('DELETE FROM transient.execution WHERE id = 10')
  })
  const seen = db.rows(FIND, 10).then((rows) => order.push(`read of ${rows.length}`))
  const next = db.transaction(async (tx) => {
    await tx.run(BIRTH, 10)
    order.push('next')
  })
  await Promise.all([slow, seen, next])
  expect(order).toEqual(['transaction', 'read of 0', 'next'])
})

test('what fails is told as PostgreSQL told it, and harms nobody else', async () => {
  const answers = await Promise.allSettled([db.run(BIRTH, 20), db.run(BIRTH, 20), db.rows(FIND, 20)])
  expect(answers).toMatchObject([
    { value: 1 },
    { reason: { code: '23505', constraint: expect.stringMatching(/^execution_/) } },
    { value: [{ id: 20n }] },
  ])
  const failing = db.transaction(async (tx) => {
    tx.send(BIRTH, 21)
    tx.send(BIRTH, 20)
    tx.send(BIRTH, 22)
  })
  await expect(failing).rejects.toSatisfy((error) => sqlState(error) === '23505' && !isUndecided(error))
  expect(await db.rows(FIND, 21)).toEqual([])
})

test("Prisma's client reads and writes, in transactions, too", async () => {
  await db.prisma.$transaction([
    db.prisma.execution.create({ data: { id: 30n, status: 'running' } }),
    db.prisma.execution.update({ where: { id: 30n }, data: { stepCount: 3 } }),
  ])
  expect(await db.prisma.execution.findUnique({ where: { id: 30n } })).toMatchObject({ id: 30n, stepCount: 3 })
  const failing = db.prisma.$transaction(async (tx) => {
    await tx.execution.create({ data: { id: 31n, status: 'running' } })
    throw new Error('on purpose')
  })
  await expect(failing).rejects.toThrow('on purpose')
  expect(await db.prisma.execution.findUnique({ where: { id: 31n } })).toBeNull()
})

test('a commit that got no answer is undecided; without the thread nothing hangs', async () => {
  const own = await mkdtemp(join(tmpdir(), 'transient-embedded-'))
  const doomed = await openEmbeddedEngine(own)
  const lost = createPgliteDatabase({
    async run(packet) {
      const answer = doomed.run(packet)
      if (packet.some(({ text }) => text === 'COMMIT')) await doomed.close()
      return answer.then(() => doomed.run([]))
    },
    close: () => doomed.close(),
  })
  await expect(lost.transaction(async (tx) => tx.send(BIRTH, 1))).rejects.toSatisfy((error) => isUndecided(error))
  await expect(lost.rows('SELECT 1')).rejects.toMatchObject({ code: 'OVERLOADED' })
  await rm(own, { recursive: true, force: true })
})
