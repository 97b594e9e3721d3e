// By hand: one statement brings a page for each of many executions or steps, with a limit for each, where Prisma's client would send one for each of them.
import { counterPart, cursorsBy, type Page, type PageRequest, pageSize, readCursor } from '../core/cursor.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { countsByKey, rowsByKey } from '../db/keyed.js'
import type { EventRecord } from './record.js'

interface EventRow {
  readonly seq: bigint
  readonly revision: bigint
  readonly name: string
  readonly step: string | null
  readonly run: number | null
  readonly attempt: number | null
  readonly data: string | null
  readonly occurred_at: Date
}

export interface EventQuery {
  readonly executionId: ExecutionId
  /** Only those of one visit or iteration; null for all. */
  readonly run: number | null
  readonly page: PageRequest
}

/** One page of events for each query, oldest first. The queries differ in their keys alone. */
export async function pagesOfEvents(sql: Sql, queries: readonly EventQuery[]): Promise<(() => Page<EventRecord>)[]> {
  const [example] = queries
  if (example === undefined) return []
  const isOfRuns = example.run !== null
  const size = pageSize(example.page.first)
  const after = readCursor(example.page.after, [counterPart()])
  const scope = isOfRuns ? 'execution_id = $1::bigint AND run = $2::integer' : 'execution_id = $1::bigint'
  const keyed = {
    keyTypes: isOfRuns ? (['bigint', 'integer'] as const) : (['bigint'] as const),
    keys: queries.map(({ executionId, run }) => (run === null ? [executionId] : [executionId, run])),
  }
  const { isCounted = true } = example.page
  const counted = isCounted ? await countsByKey(sql, { ...keyed, from: `transient.event WHERE ${scope}` }) : null
  const found = await rowsByKey<EventRow>(sql, {
    ...keyed,
    text: `SELECT seq, revision, name, step, run, attempt, data::text AS data, occurred_at FROM transient.event
      WHERE ${scope} AND seq > $${keyed.keyTypes.length + 1}::bigint ORDER BY seq LIMIT $${keyed.keyTypes.length + 2}::integer`,
    rest: [after?.[0] ?? '0', size + 1],
  })
  return queries.map(({ executionId }, index) => () => {
    const rows = found[index] ?? []
    const shown = rows.slice(0, size)
    return {
      items: shown.map((row) => toEvent(executionId, row)),
      cursorAt: cursorsBy(shown, (row) => [String(row.seq)]),
      hasNextPage: rows.length > size,
      hasPreviousPage: after !== null,
      totalCount: counted && (counted[index] ?? 0),
    }
  })
}

/** Of each execution the names of the steps that run now, in the order in which they were reached. */
export async function findLiveSteps(sql: Sql, executionIds: readonly ExecutionId[]): Promise<string[][]> {
  const found = await rowsByKey<{ readonly step: string }>(sql, {
    text: `SELECT step FROM transient.step_run
      WHERE execution_id = $1::bigint AND iteration IS NULL AND status IN ('pending', 'running', 'waiting')
      GROUP BY step ORDER BY min(run) LIMIT 100`,
    keyTypes: ['bigint'],
    keys: executionIds.map((id) => [id]),
  })
  return found.map((rows) => rows.map(({ step }) => step))
}

function toEvent(executionId: ExecutionId, row: EventRow): EventRecord {
  return {
    executionId,
    seq: Number(row.seq),
    revision: Number(row.revision),
    name: row.name,
    step: row.step,
    run: row.run,
    attempt: row.attempt,
    data: row.data === null ? null : (parseJson(row.data) as JsonObject),
    occurredAt: row.occurred_at,
  }
}
