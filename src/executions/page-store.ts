// By hand: filters look into JSON, pages go by microseconds, and one statement brings a page for each of many executions; Prisma's client says none of it.
import { counterPart, cursorsBy, type Page, type PageRequest, pageSize, readCursor, timePart } from '../core/cursor.js'
import type { VariableFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject } from '../core/json.js'
import type { Sql, SqlParameter } from '../db/database.js'
import { countsByKey, rowsByKey } from '../db/keyed.js'
import { MASK } from '../sealing/mask.js'
import { isOneOf, pathConditions } from './conditions.js'
import { checkExecutionFilter, type ExecutionFilter } from './filter.js'
import {
  type ExecutionError,
  type ExecutionRecord,
  type IterationCounts,
  type StepRunKeys,
  type StepRunView,
  type ToolRun,
  toStepRunKeys,
  type WaitState,
} from './record.js'
import { EXECUTION_COLUMNS, type ExecutionRow, fromJsonText, toExecution } from './store.js'

/** A condition on the alias `t` of noetl.transient; `variables` writes it, a floor above this one. */
export type VariableFilterSql = (
  filter: VariableFilter,
  nextParameter: number,
) => { readonly sql: string; readonly parameters: readonly SqlParameter[]; readonly isIndexed: boolean }

interface Query {
  readonly filter: ExecutionFilter | null
  readonly variableFilter: VariableFilterSql
}

interface StepRow extends StepRunKeys {
  readonly result: string | null
  readonly envelope: string | null
  readonly error: string | null
  readonly log: string | null
  readonly tools: string | null
  readonly wait: string | null
  readonly locals: string | null
  readonly is_sensitive: boolean
  readonly started_at: Date | null
  readonly finished_at: Date | null
  readonly loop_total: bigint | null
  readonly loop_done: bigint | null
  readonly loop_failed: bigint | null
}

export interface StepQuery {
  readonly executionId: ExecutionId
  /** The visit whose iterations are asked for; null for the visits themselves. */
  readonly parentRun: number | null
  readonly page: PageRequest
}

interface ToolsColumn {
  readonly current: string | null
  readonly startedAt: string | null
  readonly done: readonly ToolRun[]
}

/** The sort key of a row, with microseconds. */
type ExecutionKey = readonly [createdAt: string, id: string]

const STEP_COLUMNS = `execution_id, run, step, visit, iteration, parent_run, status, attempts, result::text AS result,
  envelope::text AS envelope, error::text AS error, log, tools::text AS tools, wait::text AS wait, locals::text AS locals,
  sealed IS NOT NULL AS is_sensitive, started_at, finished_at,
  (loop ->> 'total')::bigint AS loop_total, (loop ->> 'done')::bigint AS loop_done, (loop ->> 'failed')::bigint AS loop_failed`
const MAX_INTEGER = 2n ** 31n - 1n

/** One page of executions, newest first. */
export async function pageExecutions(
  sql: Sql,
  { page, ...query }: Query & { readonly page: PageRequest },
): Promise<Page<ExecutionRecord>> {
  const size = pageSize(page.first)
  const { bind, parameters, where } = executionConditions(query)
  const from = `transient.execution AS e WHERE ${where.join(' AND ')}`
  const [counted = null] = page.isCounted === false ? [] : await countsByKey(sql, { from, rest: parameters })
  const after = readCursor(page.after, [timePart, counterPart()])
  if (after !== null) {
    const [createdAt = '', id = ''] = after
    where.push(`(created_at, id) < (${bind(createdAt)}::timestamptz, ${bind(id)}::bigint)`)
  }
  const rows = await sql.rows<ExecutionRow>(
    `SELECT ${EXECUTION_COLUMNS} FROM transient.execution AS e WHERE ${where.join(' AND ')}
     ORDER BY created_at DESC, id DESC LIMIT ${size + 1}`,
    ...parameters,
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(toExecution),
    cursorAt: cursorsBy(shown, (row) => [row.created_text, String(row.id)]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: counted,
  }
}

/** The next executions in the order of creation, with the key to go on from; null when there are no more. */
export async function readExecutionsAfter(
  sql: Sql,
  { after, limit, ...query }: Query & { readonly after: ExecutionKey | null; readonly limit: number },
): Promise<{ readonly executions: ExecutionRecord[]; readonly next: ExecutionKey | null }> {
  const { bind, parameters, where } = executionConditions(query)
  if (after !== null) where.push(`(created_at, id) > (${bind(after[0])}::timestamptz, ${bind(after[1])}::bigint)`)
  const rows = await sql.rows<ExecutionRow>(
    `SELECT ${EXECUTION_COLUMNS} FROM transient.execution AS e WHERE ${where.join(' AND ')} ORDER BY created_at, id LIMIT ${limit}`,
    ...parameters,
  )
  const last = rows.length < limit ? undefined : rows.at(-1)
  return { executions: rows.map(toExecution), next: last === undefined ? null : [last.created_text, String(last.id)] }
}

/** Those of the given executions that match, in the order of creation. */
export async function readMatching(
  sql: Sql,
  { ids, ...query }: Query & { readonly ids: readonly ExecutionId[] },
): Promise<ExecutionRecord[]> {
  const { bind, parameters, where } = executionConditions(query)
  where.push(`id = ANY(${bind(ids)}::bigint[])`)
  const rows = await sql.rows<ExecutionRow>(
    `SELECT ${EXECUTION_COLUMNS} FROM transient.execution AS e WHERE ${where.join(' AND ')} ORDER BY created_at, id`,
    ...parameters,
  )
  return rows.map(toExecution)
}

/** One page of step runs for each query: the visits in order, or one visit's iterations by index. The queries differ in their keys alone. */
export async function pagesOfStepRuns(sql: Sql, queries: readonly StepQuery[]): Promise<(() => Page<StepRunView>)[]> {
  const [example] = queries
  if (example === undefined) return []
  const isOfVisits = example.parentRun === null
  const size = pageSize(example.page.first)
  const order = isOfVisits ? 'run' : 'iteration'
  const scope = isOfVisits
    ? 'execution_id = $1::bigint AND iteration IS NULL'
    : 'execution_id = $1::bigint AND parent_run = $2::integer AND iteration IS NOT NULL'
  const after = readCursor(example.page.after, [counterPart(MAX_INTEGER)])
  const keyed = {
    keyTypes: isOfVisits ? (['bigint'] as const) : (['bigint', 'integer'] as const),
    keys: queries.map(({ executionId, parentRun }) => (parentRun === null ? [executionId] : [executionId, parentRun])),
  }
  const { isCounted = true } = example.page
  const counted = isCounted ? await countsByKey(sql, { ...keyed, from: `transient.step_run WHERE ${scope}` }) : null
  const found = await rowsByKey<StepRow>(sql, {
    ...keyed,
    text: `SELECT ${STEP_COLUMNS} FROM transient.step_run
      WHERE ${scope} AND ${order} > $${keyed.keyTypes.length + 1}::integer ORDER BY ${order} LIMIT $${keyed.keyTypes.length + 2}::integer`,
    rest: [after?.[0] ?? '-1', size + 1],
  })
  return found.map((rows, index) => () => {
    const shown = rows.slice(0, size)
    return {
      items: shown.map(toStepRun),
      cursorAt: cursorsBy(shown, (row) => [String(row[order])]),
      hasNextPage: rows.length > size,
      hasPreviousPage: after !== null,
      totalCount: counted && (counted[index] ?? 0),
    }
  })
}

/** One visit or iteration; null where there is none. */
export async function findStepRun(sql: Sql, executionId: ExecutionId, run: number): Promise<StepRunView | null> {
  const [row] = await sql.rows<StepRow>(
    `SELECT ${STEP_COLUMNS} FROM transient.step_run WHERE execution_id = $1::bigint AND run = $2::integer`,
    executionId,
    run,
  )
  return row ? toStepRun(row) : null
}

function executionConditions({ filter, variableFilter }: Query) {
  const parameters: SqlParameter[] = []
  const bind = (parameter: SqlParameter) => `$${parameters.push(parameter)}`
  const where = ['space IS NULL']
  checkExecutionFilter(filter)
  if (filter?.status) where.push(isOneOf('status', filter.status, bind))
  if (filter?.path) where.push(...pathConditions(filter.path, bind))
  if (filter?.startedAfter) where.push(`created_at >= ${bind(filter.startedAfter)}::timestamptz`)
  if (filter?.startedBefore) where.push(`created_at < ${bind(filter.startedBefore)}::timestamptz`)
  if (filter?.finishedAfter) where.push(`finished_at >= ${bind(filter.finishedAfter)}::timestamptz`)
  if (filter?.finishedBefore) where.push(`finished_at < ${bind(filter.finishedBefore)}::timestamptz`)
  if (filter?.parentId) where.push(`parent_id = ${bind(filter.parentId)}::bigint`)
  if (filter?.variables) {
    const written = filter.variables.map((variable) => {
      const condition = variableFilter(variable, parameters.length + 1)
      parameters.push(...condition.parameters)
      return { name: variable.name?.eq ?? null, ...condition }
    })
    where.push(...variableConditions(written))
  }
  return { parameters, bind, where }
}

/** Looks at variables that the planner may begin with. */
const MAX_JOINED = 3

interface WrittenFilter {
  /** The one name that it is about, where it says so. */
  readonly name: string | null
  readonly sql: string
  readonly isIndexed: boolean
}

/**
 * Looks once at each variable that is named, and once at all variables for what names none, however many filters there are. As joins,
 * which the planner makes of several EXISTS (OFFSET 0 keeps it from that), they cost time that grows with every further one. The first
 * few that have an index are joins nevertheless: the planner knows which of them leads to few executions.
 */
function variableConditions(filters: readonly WrittenFilter[]): string[] {
  const named = new Map<string, string[]>()
  const others: string[] = []
  const indexed = filters.filter(({ isIndexed }) => isIndexed).map(({ name }) => name)
  const joined = new Set(indexed.slice(0, MAX_JOINED))
  for (const { name, sql } of filters) {
    const same = name === null ? others : (named.get(name) ?? [])
    same.push(sql)
    if (name !== null) named.set(name, same)
  }
  const looks = [...named]
  if (others.length === 1) looks.push(['', others])
  const fence = (name: string) => (looks.length > 1 && !joined.has(name) ? ' OFFSET 0' : '')
  const of = 'noetl.transient AS t WHERE t.execution_id = e.id'
  const conditions = looks.map(([name, all]) => `EXISTS (SELECT 1 FROM ${of} AND ${all.join(' AND ')}${fence(name)})`)
  if (others.length > 1) conditions.push(`(SELECT ${others.map((sql) => `bool_or(${sql})`).join(' AND ')} FROM ${of})`)
  return conditions
}

type LoopRow = Pick<StepRow, 'loop_total' | 'loop_done' | 'loop_failed'>

function toIterationCounts({ loop_total, loop_done, loop_failed }: LoopRow): IterationCounts | null {
  if (loop_total === null) return null
  const failed = Number(loop_failed)
  return { total: Number(loop_total), succeeded: Number(loop_done) - failed, failed }
}

/** The iterations of all loops of an execution, for each of several; null where no loop began. */
export async function countIterations(sql: Sql, ids: readonly ExecutionId[]): Promise<(IterationCounts | null)[]> {
  const found = await rowsByKey<LoopRow>(sql, {
    keyTypes: ['bigint'],
    keys: ids.map((id) => [id]),
    text: `SELECT sum((loop ->> 'total')::bigint)::bigint AS loop_total, sum((loop ->> 'done')::bigint)::bigint AS loop_done,
        sum((loop ->> 'failed')::bigint)::bigint AS loop_failed
      FROM transient.step_run WHERE execution_id = $1::bigint AND iteration IS NULL AND loop IS NOT NULL`,
  })
  return found.map(([row]) => (row ? toIterationCounts(row) : null))
}

function toStepRun(row: StepRow): StepRunView {
  return {
    ...toStepRunKeys(row),
    isSensitive: row.is_sensitive,
    result: fromJsonText(row.result),
    envelope: fromJsonText(row.envelope) as JsonObject | null,
    error: fromJsonText(row.error) as ExecutionError | null,
    log: row.log,
    tools: toToolRuns(row),
    wait: fromJsonText(row.wait) as WaitState | null,
    locals: fromJsonText(row.locals) as JsonObject | null,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    iterationCounts: toIterationCounts(row),
  }
}

/** Those that ended, with their results where they stand, and the one that runs. */
function toToolRuns({ tools, envelope, status, is_sensitive }: StepRow): ToolRun[] {
  const state = fromJsonText(tools) as ToolsColumn | null
  if (state === null) return []
  const results = (fromJsonText(envelope) as JsonObject | null)?.['results']
  const of = (name: string) =>
    is_sensitive ? MASK : isJsonObject(results ?? null) ? ((results as JsonObject)[name] ?? null) : null
  const done = state.done.map((run) => ({ ...run, result: run.result ?? of(run.name) }))
  if (state.current === null || state.startedAt === null || status !== 'running') return done
  const before = done.find(({ name }) => name === state.current)
  const now: ToolRun = {
    ...{ name: state.current, status: 'running', turns: (before?.turns ?? 0) + 1, attempts: 1, result: null, envelope: null },
    ...{ error: null, log: null, startedAt: state.startedAt, finishedAt: null },
  }
  return before ? done.map((run) => (run === before ? now : run)) : [...done, now]
}
