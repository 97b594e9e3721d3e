import type { Sql } from '../../src/db/database.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createEmptyDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { report, tableOf } from './lib/report.js'
import { chain, type StepKind } from './steps/playbooks.js'

/**
 * What a step costs PostgreSQL: bytes of write-ahead log, transactions, bytes of tables and indexes. The log's position is the whole
 * server's, so nothing else may write there meanwhile.
 */
const EXECUTIONS = 50
const STEPS = 20

interface Counters {
  readonly wal: bigint
  readonly commits: bigint
  readonly bytes: bigint
}

async function countersOf(sql: Sql): Promise<Counters> {
  // The server's own counters come up to a second late.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const [row] = await sql.rows<Counters>(`SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS wal,
    (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
    pg_database_size(current_database()) AS bytes`)
  if (row === undefined) throw new Error('the server answered no counters')
  return row
}

/** Asks seldom: the question is a transaction too. */
async function untilAllEnded(sql: Sql): Promise<void> {
  for (;;) {
    const running = await sql.rows(`SELECT 1 FROM transient.execution WHERE status <> 'completed' LIMIT 1`)
    if (running.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function measure(engine: Engine, sql: Sql, kind: StepKind): Promise<(string | number)[]> {
  const source = chain(kind, STEPS)
  await engine.run(source)
  const before = await countersOf(sql)
  await Promise.all(Array.from({ length: EXECUTIONS }, () => engine.start(source)))
  await untilAllEnded(sql)
  const after = await countersOf(sql)
  const each = (from: bigint, to: bigint) => Number(to - from) / (EXECUTIONS * STEPS)
  return [
    { noop: 'no-op', vars: 'writes a variable', python: 'python' }[kind],
    Math.round(each(before.wal, after.wal)),
    each(before.commits, after.commits).toFixed(2),
    Math.round(each(before.bytes, after.bytes)),
  ]
}

const database = await createEmptyDatabase()
await migratePostgres(database.url)
const db = createPostgresDatabase(database.url)
const engine = await openEngine(db)
try {
  const rows = []
  for (const kind of ['noop', 'vars', 'python'] as const) rows.push(await measure(engine, db, kind))
  const [version] = await db.rows<{ readonly server_version: string }>('SHOW server_version')
  report({
    name: 'wal',
    command: 'npm run bench:wal',
    versions: [`PostgreSQL ${version?.server_version}`],
    body: [tableOf(['step', 'write-ahead log, bytes', 'transactions', 'tables and indexes, bytes'], rows)],
  })
} finally {
  await engine.close()
  await db.close()
  await database.drop()
}
