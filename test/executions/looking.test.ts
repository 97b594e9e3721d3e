import { beforeAll, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { readRecentProgress } from '../../src/executions/feed-store.js'
import {
  countOpenTasks,
  listClaimable,
  listOrphans,
  listOverdue,
  listResumable,
  listUnservedPools,
  takeDueTasks,
} from '../../src/tasks/store.js'
import { findExpired, findOverLimit } from '../../src/variables/retention/retention-store.js'
import { describeDatabase, type TestDatabase } from '../support/database.js'
import { notingStatements, rowsLookedAt, type Statement } from '../support/plan.js'

const MANY = 20_000
/** Of executions and tasks together: what there is to do concerns some of the last hundred executions. */
const FEW = 600

/**
 * What the server asks all the time by itself: none of it may look at what was done long ago. A hundred executions are new, with a task each; all
 * others ended long ago, each with three tasks, and half of them were purged.
 */
describeDatabase('what retention, relay and watches look for', (open) => {
  let db: TestDatabase

  beforeAll(async () => {
    db = await open()
    await db.run(`INSERT INTO transient.playbook (path, version, name, source) VALUES ('p', 1, 'n', '')`)
    await db.run(
      `INSERT INTO transient.execution (id, status, playbook_path, playbook_version, created_at, updated_at, finished_at, changed_minute,
         revision, oldest_revision, history_count)
       SELECT n, CASE WHEN is_new THEN 'running' ELSE 'completed' END, 'p', 1, at, at, CASE WHEN NOT is_new THEN at END,
         CASE WHEN is_new OR n > $1::integer / 2 THEN date_trunc('minute', at) END, 3, CASE WHEN n > $1::integer / 2 THEN 0 ELSE 4 END, 3
       FROM generate_series(1, $1::integer) n, LATERAL (SELECT n > $1::integer - 100 AS is_new) i,
         LATERAL (SELECT CASE WHEN is_new THEN now() ELSE now() - ($1::integer - n) * interval '1 minute' END AS at) t`,
      MANY,
    )
    await db.run(
      `INSERT INTO transient.task (execution_id, run, attempt, pool, kind, status, not_before, deadline, lease_until, child_id)
       SELECT e.id, r, 1, 'default', 'python', CASE WHEN e.finished_at IS NOT NULL THEN 'done' WHEN e.id % 2 = 0 THEN 'open' ELSE 'waiting' END,
         e.created_at, e.created_at + interval '5 minutes', NULL, CASE WHEN e.id % 2 = 1 THEN e.id - 1 END
       FROM transient.execution e, generate_series(1, 3) r WHERE e.finished_at IS NOT NULL OR r = 1`,
    )
    await db.run('ANALYZE')
  })

  const DAY_MS = 24 * 60 * 60 * 1000
  it.each<[string, (sql: Database) => Promise<unknown>]>([
    ['history over the limit', (sql) => findOverLimit(sql, 1_000, 60_000)],
    ['what expired, where nothing has', (sql) => findExpired(sql, new Date(Date.now() - 30 * DAY_MS))],
    ['what expired, a page', (sql) => findExpired(sql, new Date(Date.now() - DAY_MS))],
    ['executions that changed lately', (sql) => readRecentProgress(sql)],
    ['tasks that are due', (sql) => takeDueTasks(sql, 30_000, 1_000)],
    ['tasks that a worker may claim', (sql) => listClaimable(sql, 'default', 16, [])],
    ['tasks whose time is up', (sql) => listOverdue(sql, 1_000, null)],
    ['tasks whose child has ended', (sql) => listResumable(sql, 1_000, null)],
    ['children that nobody waits for', (sql) => listOrphans(sql, 1_000, null)],
    ['pools that nobody serves', (sql) => listUnservedPools(sql)],
    ['how many tasks wait', (sql) => countOpenTasks(sql)],
  ])('%s', async (_what, ask) => {
    const statements: Statement[] = []
    await ask(notingStatements(db, statements))
    expect(statements).toHaveLength(1)
    for (const statement of statements) {
      const { rows, plan } = await rowsLookedAt(db, statement)
      expect(rows, plan).toBeLessThan(FEW)
    }
  })
})
