// By hand: a page goes by the key of the index of open waits, over three tables (decision 39).
import { counterPart, cursorsBy, type Page, type PageRequest, pageSize, readCursor } from '../core/cursor.js'
import type { StringFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import type { Sql, SqlParameter } from '../db/database.js'
import { countsByKey } from '../db/keyed.js'
import { pathConditions } from './conditions.js'
import type { WaitState } from './record.js'
import { fromJsonText } from './store.js'

/** A step, or an iteration, that waits now. */
export interface WaitingStep {
  readonly executionId: ExecutionId
  readonly path: string
  readonly step: string
  readonly run: number
  readonly since: Date
  readonly wait: WaitState
}

export interface WaitingFilter {
  readonly executionId?: ExecutionId | null | undefined
  /** The playbook's. */
  readonly path?: StringFilter | null | undefined
  /** Whether people are asked. */
  readonly isAsking?: boolean | null | undefined
}

interface WaitingRow {
  readonly execution_id: bigint
  readonly path: string
  readonly step: string
  readonly run: number
  readonly wait: string
}

/** Steps that wait, the oldest executions first. */
export async function pageWaiting(sql: Sql, filter: WaitingFilter | null, page: PageRequest): Promise<Page<WaitingStep>> {
  const size = pageSize(page.first)
  const parameters: SqlParameter[] = []
  const bind = (parameter: SqlParameter) => `$${parameters.push(parameter)}`
  const where = ["t.kind = 'wait'", "t.status = 'waiting'", "r.status = 'waiting'", 'r.wait IS NOT NULL']
  if (filter?.executionId) where.push(`t.execution_id = ${bind(filter.executionId)}::bigint`)
  if (filter?.path) where.push(...pathConditions(filter.path, bind))
  if (filter?.isAsking != null) where.push(`(r.wait -> 'ask' <> 'null'::jsonb) = ${bind(filter.isAsking)}::boolean`)
  const from = `transient.task t JOIN transient.step_run r ON r.execution_id = t.execution_id AND r.run = t.run
    JOIN transient.execution e ON e.id = t.execution_id`
  const [counted = null] =
    page.isCounted === false ? [] : await countsByKey(sql, { from: `${from} WHERE ${where.join(' AND ')}`, rest: parameters })
  const after = readCursor(page.after, [counterPart(), counterPart()])
  if (after !== null) {
    const [id = '', run = ''] = after
    where.push(`(t.execution_id, t.run) > (${bind(id)}::bigint, ${bind(run)}::bigint)`)
  }
  const rows = await sql.rows<WaitingRow>(
    `SELECT t.execution_id, COALESCE(e.playbook_path, '') AS path, r.step, t.run, r.wait::text AS wait
     FROM ${from} WHERE ${where.join(' AND ')} ORDER BY t.execution_id, t.run LIMIT ${size + 1}`,
    ...parameters,
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(toWaiting),
    cursorAt: cursorsBy(shown, (row) => [String(row.execution_id), String(row.run)]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: counted,
  }
}

function toWaiting({ execution_id, path, step, run, wait: text }: WaitingRow): WaitingStep {
  const wait = fromJsonText(text) as unknown as WaitState
  return { executionId: String(execution_id), path, step, run, since: new Date(wait.since), wait }
}
