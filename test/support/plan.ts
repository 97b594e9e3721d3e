import type { Database, Sql, SqlParameter } from '../../src/db/database.js'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

export interface Statement {
  readonly text: string
  readonly parameters: readonly SqlParameter[]
}

/** The same database, which notes the statements by hand that go through it, outside of transactions. */
export function notingStatements(db: Database, statements: Statement[]): Database {
  const noting: Database = {
    ...db,
    reading: () => noting,
    rows: <Row>(text: string, ...parameters: SqlParameter[]) => {
      statements.push({ text, parameters })
      return db.rows<Row>(text, ...parameters)
    },
    run: (text, ...parameters) => {
      statements.push({ text, parameters })
      return db.run(text, ...parameters)
    },
  }
  return noting
}

/** Rows of tables that PostgreSQL looks at for a statement, which it runs, and the plan, for who wonders. */
export async function rowsLookedAt(db: Sql, { text, parameters }: Statement): Promise<{ rows: number; plan: string }> {
  const [explained] = await db.rows<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    ...parameters,
  )
  const plan = explained?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('PostgreSQL explained nothing')
  return { rows: lookedAt(plan), plan: JSON.stringify(plan) }
}

function lookedAt(node: PlanNode): number {
  const here =
    node['Relation Name'] === undefined ? 0 : (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
  return here + (node.Plans ?? []).reduce((sum, plan) => sum + lookedAt(plan), 0)
}
