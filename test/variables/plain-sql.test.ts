import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { Database } from '../../src/db/database.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { findExecution } from '../../src/executions/store.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { type CreatedDatabase, createMigratedDatabase } from '../support/database.js'
import { keyRingOf } from '../support/keys.js'
import { within } from '../support/pace.js'
import { createService, increment, newId, remove, set, write } from './support.js'

const ADD = `UPDATE noetl.transient SET var_value = to_jsonb((var_value #>> '{}')::numeric + 1) WHERE execution_id = $1 AND var_name = 'n'`
const INSERT_OR_ADD = `INSERT INTO noetl.transient AS t (execution_id, var_name, var_value) VALUES ($1, 'n', '1')
  ON CONFLICT (execution_id, var_name) DO UPDATE SET var_value = to_jsonb((t.var_value #>> '{}')::numeric + 1)`

describe('variables that other programs write by plain SQL', () => {
  let database: CreatedDatabase
  let db: Database
  let program: pg.Client
  let ours: VariablesService
  let id: string
  beforeAll(async () => {
    database = await createMigratedDatabase()
    db = createPostgresDatabase(database.url)
    program = await connected(database.url)
  })
  beforeEach(() => {
    ours = createService(db)
    id = newId()
  })
  afterAll(async () => {
    await program.end()
    await db.close()
    await database.drop()
  })

  const value = async (name = 'n') => (await ours.find(id, name))?.value
  const counters = async () => {
    const { variableCount, variableBytes } = (await findExecution(db, id)) ?? {}
    return { variableCount, variableBytes }
  }

  it('an increment goes by what is there, not by what is remembered', async () => {
    await write(ours, id, set('n', 1))
    await write(ours, id, increment('n'))
    await program.query(`UPDATE noetl.transient SET var_value = '100' WHERE execution_id = $1`, [id])
    expect(await write(ours, id, increment('n'))).toMatchObject({ outcomes: [{ variable: { value: 101, version: 3 } }] })
    await program.query(`UPDATE noetl.transient SET var_value = '1.50' WHERE execution_id = $1`, [id])
    await write(ours, id, increment('n'))
    expect(String(await value())).toBe('2.50')
    const { items } = await ours.history({ executionId: id, first: 10 })
    expect(items.map(({ previousValue }) => previousValue)).toMatchObject([null, 1, 100, { value: '1.50' }])
  })

  it('what they delete is gone, and what they insert is there', async () => {
    await write(ours, id, set('n', 5), set('other', 'x'))
    await program.query(`DELETE FROM noetl.transient WHERE execution_id = $1 AND var_name = 'n'`, [id])
    expect(await write(ours, id, increment('n'))).toMatchObject({ outcomes: [{ variable: { value: 1 } }] })
    await program.query(`INSERT INTO noetl.transient (execution_id, var_name, var_value) VALUES ($1, 'new', '41')`, [id])
    expect(await write(ours, id, increment('new'))).toMatchObject({ outcomes: [{ variable: { value: 42, version: 2 } }] })
    await expect(write(ours, id, set('new', 0, { expectedVersion: 0 }))).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('counters that they left behind are mended by the next write, of any variable', async () => {
    await write(ours, id, set('n', 5), set('gone', 'xxxxx'))
    await write(ours, id, set('n', 6))
    await program.query(`DELETE FROM noetl.transient WHERE execution_id = $1 AND var_name = 'gone'`, [id])
    await write(ours, id, set('n', 7))
    expect(await counters()).toEqual({ variableCount: 1, variableBytes: 1 })
    await program.query(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value) SELECT $1, 'more_' || n, '{"a": [1, 2]}' FROM generate_series(1, 20) n`,
      [id],
    )
    await write(ours, id, set('n', 8))
    expect(await counters()).toEqual({ variableCount: 21, variableBytes: 1 + 20 * '{"a":[1,2]}'.length })
    await ours.deleteAll(id, 'api:test')
    expect(await counters()).toEqual({ variableCount: 0, variableBytes: 0 })
  })

  it('an execution that a NoETL database left without a row of its own has its variables counted from its first write on', async () => {
    await program.query(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value) VALUES ($1, 'n', '41'), ($1, 'b', 'true')`,
      [id],
    )
    await write(ours, id, increment('n'))
    expect(await value()).toBe(42)
    expect(await counters()).toEqual({ variableCount: 2, variableBytes: 6 })
  })

  it('10,000 increments of two services and of SQL, at random, end at 10,000', { timeout: within(120_000) }, async () => {
    const theirs = createService(createdDatabases.open(database.url))
    await write(ours, id, set('n', 0))
    const ways = fc.sample(fc.constantFrom('ours', 'theirs', 'sql', 'read'), { numRuns: 15_000, seed: seedOfRun() })
    let added = 0
    const work = ways.values()
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        const own = await connected(database.url)
        for (const way of work) {
          if (added >= 10_000) break
          if (way !== 'read') added += 1
          if (way === 'sql') await own.query(ADD, [id])
          else if (way === 'read') await ours.read(id, 'n')
          else await write(way === 'ours' ? ours : theirs, id, increment('n'))
        }
        await own.end()
      }),
    )
    expect(added).toBe(10_000)
    expect(await value()).toBe(10_000)
  })

  it('none is lost either where both insert the row, and others delete it', { timeout: within(60_000) }, async () => {
    await write(ours, id, set('other', 0))
    let sum = 0
    for (let round = 0; round < 40; round += 1) {
      await Promise.all([
        ...Array.from({ length: 4 }, () => write(ours, id, increment('n'))),
        ...Array.from({ length: 2 }, () => program.query(INSERT_OR_ADD, [id])),
      ])
      expect(await value()).toBe(6)
      sum += 6
      if (round % 2 === 0) await write(ours, id, remove('n'))
      else await program.query(`DELETE FROM noetl.transient WHERE execution_id = $1 AND var_name = 'n'`, [id])
    }
    expect(sum).toBe(240)
    await write(ours, id, set('other', 1))
    expect(await counters()).toEqual({ variableCount: 1, variableBytes: 1 })
  })

  it('no write fails where rows come and go all the time', { timeout: within(60_000) }, async () => {
    await write(ours, id, set('other', 0))
    let isRunning = true
    const coming = (async () => {
      while (isRunning) {
        await program.query(INSERT_OR_ADD, [id])
        await program.query(`DELETE FROM noetl.transient WHERE execution_id = $1 AND var_name = 'n'`, [id])
      }
    })()
    try {
      for (let turn = 0; turn < 300; turn += 1) await write(ours, id, turn % 2 === 0 ? set('n', 0) : increment('n'))
    } finally {
      isRunning = false
      await coming
    }
    await write(ours, id, set('other', 1))
    expect(await counters()).toMatchObject({ variableCount: (await ours.all(id)).variables.length })
  })

  describe('locked by another program', () => {
    const LOCKS = {
      execution: 'SELECT FROM transient.execution WHERE id = $1 FOR UPDATE',
      variable: 'SELECT FROM noetl.transient WHERE execution_id = $1 FOR UPDATE',
      'row to be inserted': `INSERT INTO noetl.transient (execution_id, var_name, var_value) VALUES ($1, 'new', '1')`,
    }
    test.each(Object.entries(LOCKS))('%s: its write waits, and others go on at once', async (_, lock) => {
      const others = Array.from({ length: 3 }, newId)
      for (const one of [id, ...others]) await write(ours, one, set('n', 1))
      await program.query('BEGIN')
      await program.query(lock, [id])
      let isDone = false
      const blocked = Promise.all([write(ours, id, increment('n'), increment('new')), write(ours, id, increment('n'))]).then(
        () => {
          isDone = true
        },
      )
      const slowest = await slowestOf(others)
      expect(isDone).toBe(false)
      await program.query('COMMIT')
      await blocked
      expect(slowest).toBeLessThan(within(50))
      expect([await value(), await value('new')]).toEqual([3, lock.startsWith('INSERT') ? 2 : 1])
    })

    it('a write whose history is to be redacted keeps nobody waiting', { timeout: within(60_000) }, async () => {
      ours = createVariablesService({ db, bus: createMemoryBus(), keyRing: keyRingOf('one') })
      const others = Array.from({ length: 3 }, newId)
      for (const one of [id, ...others]) await write(ours, one, set('n', 1))
      await program.query(
        `INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, var_type, actor, version, access_count, created_at, changed_at)
         SELECT $1, 1, 1 + n, 'n', 'set', '"secret"', 'user_defined', 'api:test', 1, 0, now(), now() FROM generate_series(1, 30000) n`,
        [id],
      )
      let isDone = false
      const redacting = write(ours, id, { ...set('n', 'hidden'), isSensitive: true } as ReturnType<typeof set>).then(() => {
        isDone = true
      })
      const slowest = await slowestOf(others)
      expect(isDone).toBe(false)
      expect(slowest).toBeLessThan(within(50))
      await redacting
    })

    /** Of writes that come one after another, the first of them beside what is blocked. */
    async function slowestOf(others: readonly string[]): Promise<number> {
      const times: number[] = []
      for (let round = 0; round < 10; round += 1) {
        const began = performance.now()
        await Promise.all(others.map((one) => write(ours, one, increment('n'))))
        times.push(performance.now() - began)
        await sleep(5)
      }
      return Math.max(...times)
    }
  })

  describe.each(['read committed', 'repeatable read', 'serializable'])('where a database has %s for its default', (level) => {
    let other: CreatedDatabase
    beforeAll(async () => {
      other = await createMigratedDatabase()
      const client = await connected(other.url)
      await client.query(
        `ALTER DATABASE "${new URL(other.url).pathname.slice(1)}" SET default_transaction_isolation = '${level}'`,
      )
      await client.end()
    })

    it('32 writers on one execution lose nothing, and none fails', async () => {
      const databases = Array.from({ length: 8 }, () => createdDatabases.open(other.url))
      const services = databases.map(createService)
      await Promise.all(
        Array.from({ length: 32 }, async (_, writer) => {
          for (let turn = 0; turn < 20; turn += 1) await write(services[writer % 8] as VariablesService, id, increment('n'))
        }),
      )
      expect(await services[0]?.find(id, 'n')).toMatchObject({ value: 640, version: 640 })
      await createdDatabases.close()
      await other.drop()
    })
  })
})

const createdDatabases = {
  all: [] as Database[],
  open(url: string): Database {
    const db = createPostgresDatabase(url)
    this.all.push(db)
    return db
  },
  async close() {
    await Promise.all(this.all.splice(0).map((db) => db.close()))
  },
}
afterAll(() => createdDatabases.close())

function seedOfRun(): number {
  return Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31)
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}
