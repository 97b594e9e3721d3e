import pg from 'pg'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migratePostgres } from '../../src/db/migrate.js'
import { type Migration, readMigrations } from '../../src/db/migrations.js'
import { createEmptyDatabase } from '../support/database.js'

type Row = Record<string, unknown>

/** An empty database, as a migration finds it. */
interface Empty {
  query(text: string): Promise<Row[]>
  script(text: string): Promise<void>
  migrate(migrations?: readonly Migration[]): Promise<string[]>
  close(): Promise<void>
}

/** The table of a NoETL database, as the feature's description has it. */
const NOETL = `
  CREATE SCHEMA noetl;
  CREATE TABLE noetl.transient (
    execution_id BIGINT NOT NULL,
    var_name TEXT NOT NULL,
    var_type TEXT NOT NULL DEFAULT 'user_defined',
    var_value JSONB NOT NULL,
    source_step TEXT,
    access_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    accessed_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    PRIMARY KEY (execution_id, var_name)
  );
  CREATE INDEX idx_transient_execution ON noetl.transient(execution_id);
  CREATE INDEX idx_transient_source ON noetl.transient(source_step);
  CREATE INDEX idx_transient_type ON noetl.transient(var_type);
  ALTER TABLE noetl.transient ADD CONSTRAINT transient_type_check
    CHECK (var_type IN ('user_defined', 'step_result', 'computed', 'iterator_state'));
  INSERT INTO noetl.transient (execution_id, var_name, var_type, var_value, source_step, access_count, created_at, accessed_at) VALUES
    (507861119290048685, 'total', 'step_result', '12345678901234567890', 'sum', 4, '2025-01-01T00:00:01Z', '2025-01-02T00:00:00Z'),
    (507861119290048685, 'first', 'user_defined', '{"a": [1, null]}', NULL, 0, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z'),
    (507861119290048686, 'nothing', 'computed', 'null', NULL, 0, '2025-02-01T00:00:00Z', '2025-02-01T00:00:00Z');
`

describe('migrations', () => {
  suite(openEmpty)
})

function suite(open: () => Promise<Empty>): void {
  let db: Empty
  let known: Migration[]

  beforeAll(async () => {
    known = await readMigrations()
  })
  beforeEach(async () => {
    db = await open()
  })
  afterEach(() => db.close())

  test('apply in order, once, and are recorded as Prisma would', async () => {
    expect(await db.migrate()).toEqual(known.map(({ name }) => name))
    expect(await db.migrate()).toEqual([])
    const rows = await db.query(
      `SELECT length(id) AS id, checksum, migration_name, logs, rolled_back_at, applied_steps_count,
         finished_at >= started_at AS is_finished FROM _prisma_migrations ORDER BY migration_name`,
    )
    expect(rows).toEqual(
      known.map(({ name, checksum }) => ({
        id: 36,
        checksum,
        migration_name: name,
        logs: null,
        rolled_back_at: null,
        applied_steps_count: 1,
        is_finished: true,
      })),
    )
    const columns = await db.query(
      `SELECT column_name || ' ' || data_type AS c FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
    )
    expect(columns.map(({ c }) => c)).toEqual([
      'id character varying',
      'checksum character varying',
      'finished_at timestamp with time zone',
      'migration_name character varying',
      'logs text',
      'rolled_back_at timestamp with time zone',
      'started_at timestamp with time zone',
      'applied_steps_count integer',
    ])
  })

  test('an existing NoETL table is taken over: its rows stay, and are revision 1 of their executions', async () => {
    await db.script(NOETL)
    await db.migrate()
    expect(
      await db.query(
        `SELECT execution_id::text AS id, var_name, var_type, var_value::text AS value, access_count, revision::int AS revision, version,
           updated_at = created_at AS is_untouched FROM noetl.transient ORDER BY execution_id, var_name`,
      ),
    ).toEqual([
      taken('507861119290048685', 'first', { var_type: 'user_defined', value: '{"a": [1, null]}', access_count: 0 }),
      taken('507861119290048685', 'total', { var_type: 'step_result', value: '12345678901234567890', access_count: 4 }),
      taken('507861119290048686', 'nothing', { var_type: 'computed', value: 'null', access_count: 0 }),
    ])
    expect(
      await db.query(
        `SELECT id::text AS id, status, playbook_path, revision::int AS revision, event_seq::int AS event_seq, variable_count, history_count::int AS history_count
         FROM transient.execution ORDER BY id`,
      ),
    ).toEqual([
      {
        id: '507861119290048685',
        status: 'running',
        playbook_path: null,
        revision: 1,
        event_seq: 1,
        variable_count: 2,
        history_count: 2,
      },
      {
        id: '507861119290048686',
        status: 'running',
        playbook_path: null,
        revision: 1,
        event_seq: 1,
        variable_count: 1,
        history_count: 1,
      },
    ])
    expect(
      await db.query(
        `SELECT execution_id::text AS id, revision::int AS revision, seq, var_name, operation, value::text AS value, previous_value, actor, version
         FROM noetl.transient_history ORDER BY execution_id, seq`,
      ),
    ).toEqual([
      change('507861119290048685', 1, { var_name: 'first', value: '{"a": [1, null]}' }),
      change('507861119290048685', 2, { var_name: 'total', value: '12345678901234567890' }),
      change('507861119290048686', 1, { var_name: 'nothing', value: 'null' }),
    ])
    expect(
      await db.query('SELECT seq::int AS seq, revision::int AS revision, name FROM transient.event ORDER BY execution_id'),
    ).toEqual([
      { seq: 1, revision: 1, name: 'variables.taken_over' },
      { seq: 1, revision: 1, name: 'variables.taken_over' },
    ])
  })

  test('an edited migration stops the start', async () => {
    await db.migrate()
    const [first, ...rest] = known as [Migration, ...Migration[]]
    await expect(db.migrate([{ ...first, checksum: '0'.repeat(64) }, ...rest])).rejects.toThrow(
      /was edited after the database applied it.*restore its migration\.sql/,
    )
  })

  test('a half-applied migration stops the start, one that was rolled back does not', async () => {
    await db.migrate()
    const row = `gen_random_uuid()::text, '${'0'.repeat(64)}', '20990101000000_half', 0`
    await db.script(`INSERT INTO _prisma_migrations (id, checksum, migration_name, applied_steps_count) VALUES (${row})`)
    await expect(db.migrate()).rejects.toThrow(
      /20990101000000_half of the database is half applied.*migrate resolve --rolled-back/,
    )
    await db.script(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '20990101000000_half'`)
    expect(await db.migrate()).toEqual([])
  })

  test('a migration that is not on disk stops the start', async () => {
    await db.migrate()
    await expect(db.migrate(known.slice(1))).rejects.toThrow(
      /a migration that this version does not know.*a newer version made it/,
    )
  })

  test('a migration that fails is undone as a whole and tried again at the next start', async () => {
    const broken = {
      name: '20990101000000_broken',
      script: 'CREATE TABLE public.left_over (n INT); SELECT 1 / 0;',
      checksum: '1'.repeat(64),
    }
    await expect(db.migrate([...known, broken])).rejects.toThrow(/20990101000000_broken failed and was undone: division by zero/)
    expect(await db.query(`SELECT to_regclass('public.left_over') AS left_over`)).toEqual([{ left_over: null }])
    const repaired = { ...broken, script: 'CREATE TABLE public.left_over (n INT)' }
    expect(await db.migrate([...known, repaired])).toEqual([broken.name])
  })

  test('two processes that start together apply each migration once', async () => {
    const applied = await Promise.all([db.migrate(), db.migrate()].map((run) => run.catch((error: unknown) => error)))
    if (applied.every(Array.isArray)) expect(applied.flat()).toEqual(known.map(({ name }) => name))
    expect(await db.query('SELECT count(*)::int AS count FROM _prisma_migrations')).toEqual([{ count: known.length }])
  })
}

function taken(id: string, var_name: string, row: Row): Row {
  return { id, var_name, ...row, revision: 1, version: 1, is_untouched: true }
}

function change(id: string, seq: number, row: Row): Row {
  return { id, revision: 1, seq, operation: 'set', previous_value: null, actor: 'system', version: 1, ...row }
}

async function openEmpty(): Promise<Empty> {
  const { url, drop } = await createEmptyDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    query: async (text) => (await client.query<Row>(text)).rows,
    script: async (text) => {
      await client.query(text)
    },
    migrate: (migrations) => migratePostgres(url, migrations),
    async close() {
      await client.end()
      await drop()
    },
  }
}
