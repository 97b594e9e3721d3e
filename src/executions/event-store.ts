import { decodeCursor, encodeCursor, type Page, pageSize } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { PageRequest } from './filter.js'
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

interface EventQuery {
  readonly executionId: ExecutionId
  /** Only those of one visit or iteration; null for all. */
  readonly run: number | null
  readonly page: PageRequest
}

const MAX_SEQ = 2n ** 63n - 1n

/** One page of an execution's events, oldest first. */
export async function pageEvents(sql: Sql, { executionId, run, page }: EventQuery): Promise<Page<EventRecord>> {
  const size = pageSize(page.first)
  const cursor = page.after ?? null
  const scope = 'execution_id = $1::bigint AND ($2::integer IS NULL OR run = $2::integer)'
  const counted = await sql.rows<{ count: bigint }>(
    `SELECT count(*) AS count FROM transient.event WHERE ${scope}`,
    executionId,
    run,
  )
  const rows = await sql.rows<EventRow>(
    `SELECT seq, revision, name, step, run, attempt, data::text AS data, occurred_at FROM transient.event
     WHERE ${scope} AND seq > $3::bigint ORDER BY seq LIMIT ${size + 1}`,
    executionId,
    run,
    cursor === null ? '0' : seqOf(cursor),
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map((row) => toEvent(executionId, row)),
    cursors: shown.map((row) => encodeCursor([String(row.seq)])),
    hasNextPage: rows.length > size,
    hasPreviousPage: cursor !== null,
    totalCount: Number(counted[0]?.count ?? 0),
  }
}

/** The names of the steps that run now, in the order in which they were reached. */
export async function findLiveSteps(sql: Sql, executionId: ExecutionId): Promise<string[]> {
  const rows = await sql.rows<{ readonly step: string }>(
    `SELECT step FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND status IN ('pending', 'running')
     GROUP BY step ORDER BY min(run) LIMIT 100`,
    executionId,
  )
  return rows.map(({ step }) => step)
}

function seqOf(cursor: string): string {
  const [text = ''] = decodeCursor(cursor, 1)
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MAX_SEQ) return text
  throw new TransientError('VALIDATION', 'after: not a cursor of this list', { details: { field: 'after' } })
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
