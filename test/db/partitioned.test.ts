import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { keepIndexes } from '../../src/db/indexes.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createRetention } from '../../src/variables/retention/retention.js'
import { valueIndexes } from '../../src/variables/searchable.js'
import { type CreatedDatabase, createEmptyDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'

const PLAYBOOK = JSON.stringify({
  apiVersion: 'noetl.io/v2',
  kind: 'Playbook',
  metadata: { name: 'partitioned', path: 'tests/partitioned' },
  workflow: [
    { step: 'start', vars: { counter: 1 }, next: 'each' },
    {
      step: 'each',
      type: 'iterator',
      collection: [1, 2, 3, 4],
      element: 'number',
      mode: 'async',
      task: {
        tool: { kind: 'python', code: 'result = number', args: { number: '{{ number }}' } },
        vars: { counter: '{{ vars.counter + number }}' },
      },
    },
  ],
})

/** docs/scaling.md: every table of an execution can be partitioned by its id, and nothing else changes. */
describe('a database partitioned by execution', () => {
  let database: CreatedDatabase
  let db: Database
  let engine: Engine
  let before: Awaited<ReturnType<Engine['run']>>

  beforeAll(async () => {
    database = await createEmptyDatabase()
    await migratePostgres(database.url)
    before = await withEngine((running) => running.run(PLAYBOOK))
    await partition(database.url)
    await partition(database.url)
    db = createPostgresDatabase(database.url)
    engine = await openEngine(db)
  })

  afterAll(async () => {
    await engine?.close()
    await db?.close()
    await database?.drop()
  })

  async function withEngine<T>(work: (running: Engine) => Promise<T>): Promise<T> {
    const plain = createPostgresDatabase(database.url)
    const running = await openEngine(plain)
    try {
      return await work(running)
    } finally {
      await running.close()
      await plain.close()
    }
  }

  test('keeps what was there', async () => {
    expect(await engine.variables.values(before.execution.id)).toMatchObject({ counter: 11 })
    const history = await engine.variables.history({ executionId: before.execution.id, first: 50 })
    expect(history.items.map(({ value }) => value)).toEqual(expect.arrayContaining([1, 11]))
  })

  test('has all seven tables in partitions, each with its indexes', async () => {
    const rows = await db.rows<{ name: string; parts: number; indexes: number }>(
      `SELECT c.relname AS name, (SELECT count(*)::int FROM pg_inherits WHERE inhparent = c.oid) AS parts,
         (SELECT count(*)::int FROM pg_index WHERE indrelid = c.oid) AS indexes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'p' AND n.nspname IN ('noetl', 'transient') ORDER BY name`,
    )
    expect(rows.map(({ name, parts }) => [name, parts])).toEqual(
      ['event', 'execution', 'step_run', 'task', 'tombstone', 'transient', 'transient_history'].map((name) => [name, 4]),
    )
    expect(rows.find(({ name }) => name === 'transient')?.indexes).toBe(6)
  })

  test('has the indexes of SEARCHABLE in every partition, and none when it is set no more', async () => {
    const count = async () => {
      const [row] = await db.rows<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE c.relname LIKE 'transient%' AND pg_get_indexdef(i.indexrelid) LIKE '%jsonb_hash_extended%' AND indisvalid`,
      )
      return row?.count
    }
    const { signal } = new AbortController()
    const keep = (names: readonly string[]) => keepIndexes({ db, databaseUrl: database.url, signal, ...valueIndexes(names) })
    expect(await keep(['counter'])).toBe(true)
    expect(await count()).toBe(5)
    expect(await keep(['counter'])).toBe(false)
    expect(await keep([])).toBe(true)
    expect(await count()).toBe(0)
  })

  test('runs playbooks, counts reads, writes, deletes, searches and trims', async () => {
    const run = await engine.run(PLAYBOOK)
    expect(run.execution.error).toBeNull()
    expect(run.execution.status).toBe('completed')
    expect(run.vars).toMatchObject({ counter: 11 })

    const id = '4711'
    const write = (value: number, executionId = id) =>
      engine.variables.write({
        executionId,
        writes: [{ operation: 'set', name: 'a', value, type: 'user_defined', sourceStep: null }],
        actor: 'api:test',
      })
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => write(index)))
    expect(new Set(results.map(({ revision }) => revision)).size).toBe(50)
    expect((await engine.variables.read(id, 'a'))?.accessCount).toBe(1)
    expect((await engine.variables.search({ name: { eq: 'a' } }, { first: 10 })).items).toHaveLength(1)
    expect(await engine.variables.deleteAll(id, 'api:test')).toMatchObject({ deletedCount: 1, revision: 51 })

    const neighbours = Array.from({ length: 16 }, (_, index) => String(9_000 + index))
    for (const neighbour of neighbours) await write(0, neighbour)
    await createRetention({ db, historyLimit: 10, retentionDays: 30 }).runOnce()
    const kept = await engine.variables.history({ executionId: id, first: 50 })
    expect(kept.items.at(-1)?.revision).toBe(51)
    expect(kept.items.length).toBeLessThanOrEqual(11)
    // A row's place in its table (ctid) is its own only within one partition: a delete by place must not leave it.
    for (const neighbour of neighbours) {
      expect((await engine.variables.history({ executionId: neighbour, first: 5 })).totalCount).toBe(1)
    }
  })
})

async function partition(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query("SET transient.partitions = '4'")
    await client.query(await readFile(new URL('../../prisma/partition.sql', import.meta.url), 'utf8'))
  } finally {
    await client.end()
  }
}
