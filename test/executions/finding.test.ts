import { beforeAll, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import { createExecutionFeed } from '../../src/executions/feed.js'
import type { ExecutionFilter } from '../../src/executions/filter.js'
import { createExecutionsService, type ExecutionsService } from '../../src/executions/service.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase, type TestDatabase } from '../support/database.js'
import { notingStatements, rowsLookedAt, type Statement } from '../support/plan.js'

const MANY = 20_000
/** Rows of the table that a page of ten may look at. */
const FEW = 100
const BEGAN = Date.UTC(2025, 0, 1)

describeDatabase('finding executions among many', (open) => {
  let db: TestDatabase
  let executions: ExecutionsService
  const statements: Statement[] = []

  beforeAll(async () => {
    db = await open()
    await db.run(
      `INSERT INTO transient.playbook (path, version, name, source) VALUES ('often', 1, 'n', ''), ('seldom', 1, 'n', '')`,
    )
    // One in a thousand failed, and another is of the playbook that is seldom run; each takes a second.
    await db.run(
      `INSERT INTO transient.execution (id, status, playbook_path, playbook_version, created_at, finished_at)
       SELECT n, CASE n % 1000 WHEN 7 THEN 'failed' ELSE 'completed' END, CASE n % 1000 WHEN 9 THEN 'seldom' ELSE 'often' END, 1,
         to_timestamp($2::double precision / 1000 + n), to_timestamp($2::double precision / 1000 + n + 1)
       FROM generate_series(1, $1::integer) n`,
      MANY,
      BEGAN,
    )
    await db.run('ANALYZE transient.execution')
    const seen = notingStatements(db, statements)
    const bus = createMemoryBus()
    executions = createExecutionsService({
      ...{ db: seen, bus, variableFilter: variableFilterSql },
      feed: createExecutionFeed({ db: seen, bus, pollMs: 1000 }),
    })
  })

  const moment = (n: number) => new Date(BEGAN + n * 1000)
  it.each<[string, ExecutionFilter, readonly number[]]>([
    ['by a status that is rare', { status: ['failed'] }, [19_007, 18_007, 17_007]],
    ['by a playbook that is rare', { path: { eq: 'seldom' } }, [19_009, 18_009, 17_009]],
    ['by one of a list of playbooks', { path: { in: ['seldom'] } }, [19_009, 18_009, 17_009]],
    ['by its end', { finishedAfter: moment(500), finishedBefore: moment(505) }, [503, 502, 501]],
    ['by its beginning', { startedAfter: moment(500), startedBefore: moment(505) }, [504, 503, 502]],
    ['by nothing, newest first', {}, [MANY, MANY - 1, MANY - 2]],
  ])('%s looks at few of them', async (_how, filter, first) => {
    statements.length = 0
    const { items } = await executions.list(filter, { first: 10, isCounted: false })
    expect(items.slice(0, 3).map(({ id }) => Number(id))).toEqual(first)
    const [page] = statements.filter(({ text }) => text.includes('ORDER BY created_at DESC'))
    if (page === undefined) throw new Error('no page was read')
    const { rows, plan } = await rowsLookedAt(db, page)
    expect(rows, plan).toBeLessThan(FEW)
  })
})
