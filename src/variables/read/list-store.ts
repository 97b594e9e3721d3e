// By hand: one statement brings a page and a count for each of many executions, with filters that look into JSON (decision 24).

import type { VariableRecord } from '../../commit/record.js'
import { cursorsBy, type Page, pageSize, readCursor, textPart, timePart } from '../../core/cursor.js'
import { parseStreamId } from '../../core/space.js'
import type { Sql, TextRow } from '../../db/database.js'
import { textsByKey } from '../../db/keyed.js'
import { variableFilterSql } from '../filter-sql.js'
import type { ListRequest } from '../requests.js'
import { LISTED_COLUMNS, ListedVariable } from './listed.js'
import { revisionOf, sourceAt } from './page-store.js'

/** The columns after a variable's own, which the execution's row, the first of the result, fills alone. */
const [REVISION, OLDEST, TOTAL] = [4, 11, 12]

type VariablePage = Page<VariableRecord> & { revision: number }

/**
 * One page of each execution's variables by (created_at, name), with revision and total of the same snapshot. The requests
 * differ in the execution alone.
 */
export async function variablePages(sql: Sql, requests: readonly ListRequest[]): Promise<(() => VariablePage)[]> {
  const [example] = requests
  if (example === undefined) return []
  const first = pageSize(example.first)
  const asOf = example.asOf ?? null
  const after = readCursor(example.after, [timePart, textPart])
  const ids = requests.map(({ executionId }) => parseStreamId(executionId))
  const source = sourceAt(parseStreamId(example.executionId), asOf)
  const rest = source.parameters.slice(1)
  const filter = variableFilterSql(example.filter ?? {}, rest.length + 2)
  rest.push(...filter.parameters)
  const next = rest.length + 1
  const total = totalSql({ isAll: asOf === null && filter.sql === 'TRUE', isCounted: example.isCounted ?? true })
  // The rows of the page need to be found only once, unless all that match are counted beside them.
  const text = `WITH matching AS ${total.isScan ? 'MATERIALIZED' : 'NOT MATERIALIZED'} (
       SELECT t.* FROM ${source.table} t WHERE t.execution_id = $1::bigint AND ${filter.sql}
     )
     SELECT page.*, NULL::bigint, NULL::bigint FROM (
       SELECT ${LISTED_COLUMNS} FROM matching t
       ${after ? `WHERE (t.created_at, t.var_name) > ($${next + 1}::timestamptz, $${next + 2}::text)` : ''}
       ORDER BY t.created_at, t.var_name LIMIT ${first + 1}
     ) page
     UNION ALL
     SELECT NULL, NULL, NULL, NULL, e.revision, NULL, NULL, NULL, NULL, NULL, NULL, e.oldest_revision, ${total.sql}
     FROM (SELECT 1) one LEFT JOIN transient.execution e ON e.id = $1::bigint
     ORDER BY created_at NULLS FIRST, var_name`
  const found = await textsByKey(sql, {
    ...{ text, keyTypes: ['bigint'], keys: ids.map((id) => [id]) },
    rest: [...rest, ...(after ?? [])],
  })
  return found.map(([head = [], ...rows], index) => () => {
    const revision = revisionOf({ present: head[REVISION], oldest_revision: head[OLDEST] }, asOf)
    return {
      ...toPage({ executionId: ids[index] ?? '', rows, first, after, total: head[TOTAL] ?? null, isPast: asOf !== null }),
      revision,
    }
  })
}

/** How many there are: the execution's own counter where nothing is filtered, and no scan where nobody asks. */
function totalSql({ isAll, isCounted }: { readonly isAll: boolean; readonly isCounted: boolean }) {
  if (isAll) return { sql: 'COALESCE(e.variable_count, 0)', isScan: false }
  return isCounted ? { sql: '(SELECT count(*) FROM matching)', isScan: true } : { sql: 'NULL', isScan: false }
}

interface PageParts {
  readonly executionId: string
  readonly rows: readonly TextRow[]
  readonly first: number
  readonly after: string[] | null
  readonly total: string | null
  readonly isPast: boolean
}

function toPage({ executionId, rows, first, after, total, isPast }: PageParts): Page<VariableRecord> {
  const items = rows.slice(0, first).map((row) => new ListedVariable(executionId, row, isPast))
  return {
    items,
    cursorAt: cursorsBy(items, ({ position }) => position),
    hasNextPage: rows.length > first,
    hasPreviousPage: after !== null,
    totalCount: total === null ? null : Number(total),
  }
}
