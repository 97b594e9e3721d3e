import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableFilter } from '../../src/core/filter.js'
import type { JsonValue } from '../../src/core/json.js'
import { parseJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { keepIndexes } from '../../src/db/indexes.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createExecutionsService, type ExecutionsService } from '../../src/executions/service.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { valueIndexes } from '../../src/variables/searchable.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { type CreatedDatabase, createMigratedDatabase } from '../support/database.js'
import { notingStatements, rowsLookedAt, type Statement } from '../support/plan.js'

const MANY = 20_000
/** Rows that a page of ten may look at, of both tables together. */
const FEW = 300
const NAMES = ['customer', 'state', "it's"]
const NEVER = new AbortController().signal

describe('finding by the value of a variable', () => {
  let database: CreatedDatabase
  let db: Database
  let executions: ExecutionsService
  let variables: VariablesService
  const statements: Statement[] = []

  const keep = (names: readonly string[], signal = NEVER) =>
    keepIndexes({ db, databaseUrl: database.url, signal, ...valueIndexes(names) })

  async function indexes(): Promise<string[]> {
    const rows = await db.rows<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes JOIN pg_index ON indexrelid = format('%I.%I', schemaname, indexname)::regclass AND indisvalid
       WHERE schemaname = 'noetl' AND indexname LIKE 'idx_transient_value_%' ORDER BY 1`,
    )
    return rows.map(({ indexdef }) => /var_name = (.*?)::text\) AND/.exec(indexdef)?.[1] ?? indexdef)
  }

  beforeAll(async () => {
    database = await createMigratedDatabase()
    db = createPostgresDatabase(database.url)
    // Every thousandth has the same customer, every fifth the same state, and each has a note of its own.
    await db.run(
      `INSERT INTO transient.execution (id, status, created_at)
       SELECT n, 'running', '2025-01-01Z'::timestamptz + n * interval '1 second' FROM generate_series(1, $1::integer) n`,
      MANY,
    )
    await db.run(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value)
       SELECT n, name, CASE name WHEN 'customer' THEN to_jsonb('c-' || n % 1000) WHEN 'state' THEN to_jsonb(n % 5) ELSE to_jsonb(n) END
       FROM generate_series(1, $1::integer) n, unnest(ARRAY['customer', 'state', 'note']) name`,
      MANY,
    )
    await db.run('ANALYZE')
    await keep(NAMES)
    const noting = notingStatements(db, statements)
    const searchable = new Set(NAMES)
    const bus = createMemoryBus()
    executions = createExecutionsService({
      ...{ db: noting, bus },
      variableFilter: (filter, next) => variableFilterSql(filter, next, searchable),
    })
    variables = createVariablesService({ db: noting, bus, searchable })
  })

  afterAll(async () => {
    await db?.close()
    await database?.drop()
  })

  const named = (name: string, eq: JsonValue): VariableFilter => ({ name: { eq: name }, value: { eq } })

  it.each<[string, readonly VariableFilter[], readonly number[]]>([
    ['a rare value', [named('customer', 'c-7')], [19_007, 18_007, 17_007]],
    ['a frequent value', [named('state', 3)], [19_998, 19_993, 19_988]],
    ['two values, the rare one last', [named('state', 2), named('customer', 'c-7')], [19_007, 18_007, 17_007]],
    ['one that has no index beside it', [named('note', 18_007), named('customer', 'c-7')], [18_007]],
    ['a value that nothing has', [named('customer', 'nobody')], []],
  ])('finds executions by %s and looks at few rows', async (_how, given, ids) => {
    statements.length = 0
    const { items } = await executions.list({ variables: given }, { first: 10, isCounted: false })
    expect(items.slice(0, 3).map(({ id }) => Number(id))).toEqual(ids)
    const [page] = statements
    if (page === undefined) throw new Error('nothing was read')
    const { rows, plan } = await rowsLookedAt(db, page)
    expect(rows, plan).toBeLessThan(FEW)
  })

  it.each<[string, VariableFilter, number]>([
    ['a rare value', named('customer', 'c-7'), 7],
    ['a frequent value', named('state', 3), 3],
  ])('finds variables by %s and looks at few rows', async (_how, filter, first) => {
    statements.length = 0
    const { items } = await variables.search(filter, { first: 10, isCounted: false })
    expect(Number(items[0]?.executionId)).toBe(first)
    const [page] = statements
    if (page === undefined) throw new Error('nothing was read')
    const { rows, plan } = await rowsLookedAt(db, page)
    expect(rows, plan).toBeLessThan(FEW)
  })

  it('finds what is equal, however it is written, and nothing else', async () => {
    const written = [
      '1',
      '1.0',
      '10e-1',
      '"1"',
      'null',
      '{"a": 1, "b": [1.50]}',
      '{"b": [1.5], "a": 1e0}',
      '[]',
      '{}',
      'true',
      '""',
      '1.00000000000000000001',
    ]
    await db.run(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value)
       SELECT n, 'it''s', v::jsonb FROM json_array_elements_text($1::json) WITH ORDINALITY AS w(v, n)`,
      JSON.stringify(written),
    )
    for (const text of written) {
      const filter = named("it's", parseJson(text))
      const found = async (service: VariablesService) =>
        (await service.search(filter, { first: 50 })).items.map(({ executionId }) => Number(executionId))
      const plain = await found(createVariablesService({ db, bus: createMemoryBus() }))
      expect(plain.length, text).toBeGreaterThan(0)
      expect(await found(variables), text).toEqual(plain)
      const { totalCount } = await executions.list({ variables: [filter] }, { first: 50 })
      expect(totalCount, text).toBe(plain.length)
    }
    expect((await variables.search(named("it's", 1), { first: 50 })).items).toHaveLength(3)
  })

  it('never finds what is sensitive', async () => {
    await db.run(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value, sealed) VALUES (99, 'it''s', '"hidden"', 'k:v')`,
    )
    expect((await variables.search(named("it's", 'hidden'), { first: 5 })).totalCount).toBe(0)
    const [entries] = await db.rows<{ definition: string }>(
      `SELECT string_agg(indexdef, ' ') AS definition FROM pg_indexes WHERE indexname LIKE 'idx_transient_value_%' AND indexdef NOT LIKE '%(sealed IS NULL)) THEN%'`,
    )
    expect(entries?.definition).toBeNull()
  })

  describe('the indexes', () => {
    it('are those of the setting, and are left alone when nothing changed', async () => {
      expect(await indexes()).toEqual(expect.arrayContaining(["'customer'", "'state'", "'it''s'"]))
      expect(await keep(NAMES)).toBe(false)
      expect(await keep(['state'])).toBe(true)
      expect(await indexes()).toEqual(["'state'"])
      await keep([])
      expect(await indexes()).toEqual([])
      expect(await keep([])).toBe(false)
    })

    it('are made anew where a process was killed while it made one', async () => {
      await keep(['state'])
      await db.run(`UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = (SELECT indexname::text FROM (
        SELECT 'noetl.' || indexname AS indexname FROM pg_indexes WHERE indexname LIKE 'idx_transient_value_%') i)::regclass`)
      expect(await indexes()).toEqual([])
      expect(await keep(['state'])).toBe(true)
      expect(await indexes()).toEqual(["'state'"])
    })

    it('are made once by two processes, and while writes go on', async () => {
      await keep([])
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      // A write that has not ended holds both up, and is not held up.
      await client.query('BEGIN')
      await client.query(`UPDATE noetl.transient SET var_value = '4' WHERE execution_id = 1 AND var_name = 'state'`)
      const both = Promise.all([keep(['state']), keep(['state'])])
      await variables.write({
        ...{ executionId: '2', actor: 'api:test' },
        writes: [{ operation: 'set', name: 'state', value: 4, type: 'user_defined', sourceStep: null }],
      })
      await client.query('COMMIT')
      await client.end()
      await both
      expect(await indexes()).toEqual(["'state'"])
    })

    it('are given up at once when the server stops, and made at its next start', async () => {
      await keep([])
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      await client.query('BEGIN')
      await client.query(`UPDATE noetl.transient SET var_value = '4' WHERE execution_id = 1 AND var_name = 'state'`)
      const stopping = new AbortController()
      const keeping = keep(['state'], stopping.signal)
      keeping.catch(() => undefined)
      await expect
        .poll(() =>
          db.rows(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'`,
          ),
        )
        .toHaveLength(1)
      stopping.abort()
      await expect(keeping).rejects.toThrow()
      await client.query('ROLLBACK')
      await client.end()
      expect(await keep(['state'])).toBe(true)
      expect(await indexes()).toEqual(["'state'"])
    })
  })
})
