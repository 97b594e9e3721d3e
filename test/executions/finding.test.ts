import { beforeAll, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { Database, SqlParameter } from '../../src/db/database.js'
import { createExecutionFeed } from '../../src/executions/feed.js'
import type { ExecutionFilter } from '../../src/executions/filter.js'
import { createExecutionsService, type ExecutionsService } from '../../src/executions/service.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase, type TestDatabase } from '../support/database.js'

const MANY = 20_000
/** Rows of the table that a page of ten may look at. */
const FEW = 100
const BEGAN = Date.UTC(2025, 0, 1)

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Rows of `execution` that a plan looked at. */
function rowsLookedAt(node: PlanNode): number {
  const here =
    node['Relation Name'] === 'execution' ? node['Actual Rows'] * node['Actual Loops'] + (node['Rows Removed by Filter'] ?? 0) : 0
  return here + (node.Plans ?? []).reduce((sum, plan) => sum + rowsLookedAt(plan), 0)
}

describeDatabase('finding executions among many', (open) => {
  let db: TestDatabase
  let executions: ExecutionsService
  let statements: { readonly text: string; readonly parameters: readonly SqlParameter[] }[]

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
    const seen: Database = {
      ...db,
      reading: () => seen,
      rows: <Row>(text: string, ...parameters: SqlParameter[]) => {
        statements.push({ text, parameters })
        return db.rows<Row>(text, ...parameters)
      },
    }
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
    statements = []
    const { items } = await executions.list(filter, { first: 10, isCounted: false })
    expect(items.slice(0, 3).map(({ id }) => Number(id))).toEqual(first)
    const [page] = statements.filter(({ text }) => text.includes('ORDER BY created_at DESC'))
    if (page === undefined) throw new Error('no page was read')
    const [explained] = await db.rows<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${page.text}`,
      ...page.parameters,
    )
    const plan = explained?.['QUERY PLAN'][0]?.Plan
    if (plan === undefined) throw new Error('PostgreSQL explained nothing')
    expect(rowsLookedAt(plan), JSON.stringify(plan)).toBeLessThan(FEW)
  })
})
