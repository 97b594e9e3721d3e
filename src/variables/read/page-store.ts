// By hand: filters look into JSON, and the past of a variable is a DISTINCT ON over its changes (decision 24).

import type { ChangeRecord, VariableRecord } from '../../commit/record.js'
import { checkCounter, toVariable, VARIABLE_COLUMNS, type VariableRow } from '../../commit/record.js'
import { counterPart, cursorsBy, type Page, type PageRequest, pageSize, readCursor, textPart } from '../../core/cursor.js'
import { TransientError } from '../../core/errors.js'
import type { VariableFilter } from '../../core/filter.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonValue, parseJson } from '../../core/json.js'
import { parseStreamId } from '../../core/space.js'
import type { Sql, SqlParameter } from '../../db/database.js'
import { variableFilterSql } from '../filter-sql.js'
import type { HistoryRequest } from '../requests.js'
import type { Searchable } from '../searchable.js'
import { CHANGE_COLUMNS, type ChangeRow, toChange } from '../store.js'

/** Of an execution, as numbers or as text; nothing where there is none. */
interface Counters {
  readonly present: bigint | string | null | undefined
  readonly oldest_revision: bigint | string | null | undefined
}

/** A change as the variable that it made, with the columns of `noetl.transient`. */
const PAST_COLUMNS = `h.execution_id, h.var_name, h.var_type, h.value AS var_value, h.sealed, h.source_step, h.revision,
      h.version, h.access_count, h.created_at, h.changed_at AS updated_at, h.changed_at AS accessed_at, h.operation`

/** The variables as they were at the revision $2. */
const PAST = `(
  SELECT l.* FROM (
    SELECT DISTINCT ON (h.var_name) ${PAST_COLUMNS}
    FROM noetl.transient_history h
    WHERE h.execution_id = $1::bigint AND h.revision <= $2::bigint
    ORDER BY h.var_name, h.revision DESC
  ) l WHERE l.operation = 'set'
)`

interface Source {
  readonly table: string
  readonly parameters: readonly SqlParameter[]
}

/** Where the variables of an execution are found, now or at a revision; the SQL's `$1` is its id. */
export function sourceAt(executionId: ExecutionId, asOf: number | null): Source {
  if (asOf === null) return { table: 'noetl.transient', parameters: [executionId] }
  return { table: PAST, parameters: [executionId, String(checkCounter(asOf, 'asOf'))] }
}

/**
 * The revision that the result shows.
 * @throws TransientError VALIDATION when `asOf` is beyond the present, REVISION_GONE when it is below what is kept
 */
export function revisionOf(row: Counters | undefined, asOf: number | null): number {
  const present = Number(row?.present ?? 0)
  if (asOf === null) return present
  const oldestRevision = Number(row?.oldest_revision ?? 0)
  if (asOf > present) {
    throw new TransientError('VALIDATION', `asOf: ${asOf} is beyond the present revision ${present}`, {
      details: { field: 'asOf' },
    })
  }
  if (asOf < oldestRevision) {
    throw new TransientError('REVISION_GONE', `asOf: revision ${asOf} is no longer kept; the oldest is ${oldestRevision}`, {
      details: { oldestRevision },
    })
  }
  return asOf
}

/** All variables by `created_at`, now or at a revision, with the revision of the same snapshot: one statement is one snapshot. */
export async function allVariables(
  sql: Sql,
  executionId: ExecutionId,
  asOf: number | null = null,
): Promise<{ revision: number; variables: VariableRecord[] }> {
  const source = sourceAt(executionId, asOf)
  const rows = await sql.rows<VariableRow & Counters>(
    `SELECT e.revision AS present, e.oldest_revision, page.*
     FROM transient.execution e
     LEFT JOIN (SELECT ${VARIABLE_COLUMNS} FROM ${source.table} t WHERE t.execution_id = $1::bigint) page ON TRUE
     WHERE e.id = $1::bigint ORDER BY page.created_at, page.var_name`,
    ...source.parameters,
  )
  return { revision: revisionOf(rows[0], asOf), variables: rows.filter((row) => row.var_name !== null).map(toVariable) }
}

/** A variable as one revision set it; null when that revision did not, or is kept no longer. */
export async function findVariableAt(
  sql: Sql,
  { executionId, name, revision }: { readonly executionId: ExecutionId; readonly name: string; readonly revision: number },
): Promise<VariableRecord | null> {
  const [row] = await sql.rows<VariableRow>(
    `SELECT ${VARIABLE_COLUMNS} FROM (
       SELECT ${PAST_COLUMNS} FROM noetl.transient_history h
       WHERE h.execution_id = $1::bigint AND h.var_name = $2::text AND h.revision = $3::bigint AND h.operation = 'set'
     ) t`,
    executionId,
    name,
    String(checkCounter(revision, 'revision')),
  )
  return row === undefined ? null : { ...toVariable(row), view: 'past' }
}

/** Names and values, now or at a revision. */
export async function variableValues(
  sql: Sql,
  executionId: ExecutionId,
  asOf: number | null,
): Promise<Record<string, JsonValue>> {
  const source = sourceAt(executionId, asOf)
  const rows = await sql.rows<Counters & { readonly var_name: string | null; readonly value: string }>(
    `SELECT e.revision AS present, e.oldest_revision, page.*
     FROM (SELECT 1) one LEFT JOIN transient.execution e ON e.id = $1::bigint
     LEFT JOIN (SELECT t.var_name, t.var_value::text AS value FROM ${source.table} t WHERE t.execution_id = $1::bigint
                ORDER BY t.created_at, t.var_name) page ON TRUE`,
    ...source.parameters,
  )
  revisionOf(rows[0], asOf)
  return Object.fromEntries(rows.flatMap((row) => (row.var_name === null ? [] : [[row.var_name, parseJson(row.value)]])))
}

/** The names of the sensitive variables, now or at a revision. */
export async function findSensitive(sql: Sql, executionId: ExecutionId, asOf: number | null): Promise<ReadonlySet<string>> {
  const source = sourceAt(executionId, asOf)
  const rows = await sql.rows<{ readonly var_name: string }>(
    `SELECT t.var_name FROM ${source.table} t WHERE t.execution_id = $1::bigint AND t.sealed IS NOT NULL`,
    ...source.parameters,
  )
  return new Set(rows.map((row) => row.var_name))
}

type Keyed<Row> = Row & { readonly position: string; readonly total: bigint | null }

/** Across executions, by (execution id, name); ids below zero are spaces'. */
export async function searchPage(
  sql: Sql,
  { filter, page, searchable }: { filter: VariableFilter; page: PageRequest; searchable: Searchable | undefined },
): Promise<Page<VariableRecord>> {
  const first = pageSize(page.first)
  const after = readCursor(page.after, [counterPart(), textPart])
  const condition = variableFilterSql(filter, 1, searchable)
  const where = `t.execution_id > 0 AND ${condition.sql}`
  const next = condition.parameters.length
  const rows = await sql.rows<Keyed<VariableRow>>(
    `SELECT total.count AS total, page.*
     FROM (${counted(page, `noetl.transient t WHERE ${where}`)}) total
     LEFT JOIN (
       SELECT ${VARIABLE_COLUMNS}, t.execution_id::text AS position FROM noetl.transient t
       WHERE ${where} ${after ? `AND (t.execution_id, t.var_name) > ($${next + 1}::bigint, $${next + 2}::text)` : ''}
       ORDER BY t.execution_id, t.var_name LIMIT ${first + 1}
     ) page ON TRUE
     ORDER BY page.execution_id, page.var_name`,
    ...condition.parameters,
    ...(after ?? []),
  )
  return toPage({ rows, first, after, keep: toVariable, key: (row) => [row.position, row.var_name] })
}

/**
 * The change log in the order of revisions or against it, whole revisions only: of what was trimmed, the rows that are kept so that the past
 * can be read are no history.
 */
export async function historyPage(sql: Sql, request: HistoryRequest): Promise<Page<ChangeRecord>> {
  const first = pageSize(request.first)
  const after = readCursor(request.after, [counterPart(), counterPart()])
  const name = request.name ?? null
  const [beyond, order] = request.newestFirst ? ['<', 'DESC'] : ['>', 'ASC']
  const parameters: SqlParameter[] = [parseStreamId(request.executionId)]
  const condition = `h.execution_id = $1::bigint
     AND h.revision > COALESCE((SELECT e.oldest_revision FROM transient.execution e WHERE e.id = $1::bigint), 0)
     ${name === null ? '' : `AND h.var_name = $${parameters.push(name)}::text`}`
  const next = parameters.length
  const rows = await sql.rows<Keyed<ChangeRow>>(
    `SELECT total.count AS total, page.*
     FROM (${counted(request, `noetl.transient_history h WHERE ${condition}`)}) total
     LEFT JOIN (
       SELECT ${CHANGE_COLUMNS}, h.revision::text AS position FROM noetl.transient_history h
       WHERE ${condition} ${after ? `AND (h.revision, h.seq) ${beyond} ($${next + 1}::bigint, $${next + 2}::bigint)` : ''}
       ORDER BY h.revision ${order}, h.seq ${order} LIMIT ${first + 1}
     ) page ON TRUE
     ORDER BY page.revision ${order}, page.seq ${order}`,
    ...parameters,
    ...(after ?? []),
  )
  const keep = (row: ChangeRow) => toChange(request.executionId, row)
  return toPage({ rows, first, after, keep, key: (row) => [row.position, String(row.seq)] })
}

/** How many match, counted only where somebody asks. */
function counted({ isCounted = true }: PageRequest, from: string): string {
  return isCounted ? `SELECT count(*) FROM ${from}` : 'SELECT NULL::bigint AS count'
}

interface PageInput<Row, Item> {
  /** One row of nulls where nothing matched: the total stands beside it. */
  readonly rows: readonly Keyed<Row>[]
  readonly first: number
  readonly after: string[] | null
  readonly keep: (row: Row) => Item
  readonly key: (row: Keyed<Row>) => string[]
}

function toPage<Row, Item>({ rows, first, after, keep, key }: PageInput<Row, Item>): Page<Item> {
  const found = rows.filter((row) => row.position !== null)
  const shown = found.slice(0, first)
  const total = rows[0]?.total ?? null
  return {
    items: shown.map(keep),
    cursorAt: cursorsBy(shown, key),
    hasNextPage: found.length > first,
    hasPreviousPage: after !== null,
    totalCount: total === null ? null : Number(total),
  }
}
