// By hand: what is due is locked past the locks of others, and looked for every second (decision 40).
import { cursorsBy, type Page, type PageRequest, pageSize, readCursor, textPart } from '../core/cursor.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson, stringifyJson } from '../core/json.js'
import type { Sql, SqlParameter } from '../db/database.js'
import type { Firing, Missed, Overlap, ScheduleRecord } from './record.js'

/** Of what a schedule has started, so much is kept. */
const MAX_KEPT = 1000

interface ScheduleRow {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly version: number | null
  readonly cron: string | null
  readonly every_seconds: number | null
  readonly time_zone: string
  readonly workload: string | null
  readonly missed: string
  readonly overlap: string
  readonly is_paused: boolean
  readonly reason: string | null
  readonly first_at: Date
  readonly next_at: Date
}

const COLUMNS =
  's.id, s.name, s.path, s.version, s.cron, s.every_seconds, s.time_zone, s.workload::text AS workload, s.missed, s.overlap, s.is_paused, s.reason, s.first_at, s.next_at'

/** The table's checks let nothing else in. */
function toSchedule(row: ScheduleRow): ScheduleRecord {
  return {
    id: row.id,
    name: row.name,
    path: row.path,
    version: row.version,
    cron: row.cron,
    everySeconds: row.every_seconds,
    timeZone: row.time_zone,
    workload: row.workload === null ? null : (parseJson(row.workload) as JsonObject),
    missed: row.missed as Missed,
    overlap: row.overlap as Overlap,
    isPaused: row.is_paused,
    reason: row.reason,
    firstAt: row.first_at,
    nextAt: row.next_at,
  }
}

/** With the same rhythm it keeps its place, which a process may be about to change. */
const kept = (column: string) =>
  `CASE WHEN (s.cron, s.every_seconds, s.time_zone) IS NOT DISTINCT FROM (EXCLUDED.cron, EXCLUDED.every_seconds, EXCLUDED.time_zone)
     THEN s.${column} ELSE EXCLUDED.${column} END`

/** Makes a schedule, or puts it in the place of the one of that name, whose id and past stay. */
export async function putSchedule(sql: Sql, schedule: ScheduleRecord): Promise<ScheduleRecord> {
  const { id, name, path, version, cron, everySeconds, timeZone, workload, missed, overlap, isPaused, firstAt, nextAt } = schedule
  const parameters: SqlParameter[] = [
    ...[id, name, path, version, cron, everySeconds, timeZone, workload === null ? null : stringifyJson(workload)],
    ...[missed, overlap, isPaused, firstAt, nextAt],
  ]
  const rows = await sql.rows<ScheduleRow>(
    `INSERT INTO transient.schedule AS s (id, name, path, version, cron, every_seconds, time_zone, workload, missed, overlap, is_paused, first_at, next_at)
     VALUES ($1, $2, $3, $4::integer, $5, $6::integer, $7, $8::jsonb, $9, $10, $11::boolean, $12::timestamptz, $13::timestamptz)
     ON CONFLICT (name) DO UPDATE SET path = EXCLUDED.path, version = EXCLUDED.version, cron = EXCLUDED.cron, every_seconds = EXCLUDED.every_seconds,
       time_zone = EXCLUDED.time_zone, workload = EXCLUDED.workload, missed = EXCLUDED.missed, overlap = EXCLUDED.overlap,
       is_paused = EXCLUDED.is_paused, reason = NULL, first_at = ${kept('first_at')}, next_at = ${kept('next_at')}
     RETURNING ${COLUMNS}`,
    ...parameters,
  )
  return toSchedule(rows[0] as ScheduleRow)
}

export async function findSchedule(sql: Sql, name: string): Promise<ScheduleRecord | null> {
  const [row] = await sql.rows<ScheduleRow>(`SELECT ${COLUMNS} FROM transient.schedule s WHERE s.name = $1`, name)
  return row ? toSchedule(row) : null
}

/** By name. */
export async function pageSchedules(sql: Sql, page: PageRequest): Promise<Page<ScheduleRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [textPart])
  const [counted] =
    page.isCounted === false ? [] : await sql.rows<{ count: bigint }>('SELECT count(*) AS count FROM transient.schedule')
  const rows = await sql.rows<ScheduleRow>(
    `SELECT ${COLUMNS} FROM transient.schedule s WHERE s.name > $1 COLLATE "C" OR $1 = '' ORDER BY s.name COLLATE "C" LIMIT ${size + 1}`,
    after?.[0] ?? '',
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(toSchedule),
    cursorAt: cursorsBy(shown, (row) => [row.name]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: counted ? Number(counted.count) : null,
  }
}

/** null where there is none of that name. */
export async function setPaused(
  sql: Sql,
  name: string,
  { isPaused, reason = null }: { readonly isPaused: boolean; readonly reason?: string | null },
): Promise<ScheduleRecord | null> {
  const [row] = await sql.rows<ScheduleRow>(
    `UPDATE transient.schedule s SET is_paused = $2::boolean, reason = $3 WHERE s.name = $1 RETURNING ${COLUMNS}`,
    name,
    isPaused,
    reason,
  )
  return row ? toSchedule(row) : null
}

/** false where there is none of that name. */
export async function deleteSchedule(sql: Sql, name: string): Promise<boolean> {
  return (await sql.run('DELETE FROM transient.schedule WHERE name = $1', name)) > 0
}

/** How long until the next schedule is due, in milliseconds; null where none is. */
export async function untilNext(sql: Sql): Promise<number | null> {
  const [row] = await sql.rows<{ ms: number | null }>(
    `SELECT extract(epoch FROM min(next_at) - now())::double precision * 1000 AS ms FROM transient.schedule WHERE NOT is_paused`,
  )
  return row?.ms ?? null
}

/** Locks a schedule that is due, is none of those, and that nobody else deals with, until the transaction ends; `now` is the database's. */
export async function lockDue(
  tx: Sql,
  except: readonly string[],
): Promise<{ readonly schedule: ScheduleRecord; readonly now: Date } | null> {
  const [row] = await tx.rows<ScheduleRow & { readonly now: Date }>(
    `SELECT ${COLUMNS}, now() AS now FROM transient.schedule s WHERE NOT s.is_paused AND s.next_at <= now() AND s.id <> ALL($1::text[])
     ORDER BY s.next_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [...except],
  )
  return row ? { schedule: toSchedule(row), now: row.now } : null
}

/** Notes what an instant has started, and forgets what was long ago. */
export async function noteFiring(tx: Sql, scheduleId: string, { instant, executionId }: Firing): Promise<void> {
  await tx.run(
    `INSERT INTO transient.schedule_firing (schedule_id, instant, execution_id) VALUES ($1, $2::timestamptz, $3::bigint) ON CONFLICT DO NOTHING`,
    scheduleId,
    instant,
    executionId,
  )
  await tx.run(
    `DELETE FROM transient.schedule_firing WHERE schedule_id = $1 AND instant <=
       (SELECT instant FROM transient.schedule_firing WHERE schedule_id = $1 ORDER BY instant DESC OFFSET ${MAX_KEPT} LIMIT 1)`,
    scheduleId,
  )
}

export async function setNext(tx: Sql, id: string, nextAt: Date): Promise<void> {
  await tx.run('UPDATE transient.schedule SET next_at = $2::timestamptz WHERE id = $1', id, nextAt)
}

/** What a schedule started last. */
export async function lastFiringOfEach(sql: Sql, ids: readonly string[]): Promise<Map<string, Firing>> {
  const rows = await sql.rows<{ schedule_id: string; instant: Date; execution_id: bigint }>(
    `SELECT i.id AS schedule_id, f.instant, f.execution_id FROM unnest($1::text[]) AS i (id) CROSS JOIN LATERAL (
       SELECT instant, execution_id FROM transient.schedule_firing WHERE schedule_id = i.id ORDER BY instant DESC LIMIT 1) f`,
    [...ids],
  )
  return new Map(rows.map((row) => [row.schedule_id, { instant: row.instant, executionId: String(row.execution_id) }]))
}

/** What was started with an idempotency key, if anything was and is still there. */
export async function executionOfKey(tx: Sql, key: string): Promise<ExecutionId | null> {
  const [row] = await tx.rows<{ id: bigint }>(
    'SELECT e.id FROM transient.idempotency i JOIN transient.execution e ON e.id = i.execution_id WHERE i.key = $1',
    key,
  )
  return row ? String(row.id) : null
}

/** Executions that a schedule started and that have not ended. */
export async function runningOf(tx: Sql, scheduleId: string): Promise<ExecutionId[]> {
  const rows = await tx.rows<{ id: bigint }>(
    `SELECT e.id FROM transient.schedule_firing f JOIN transient.execution e ON e.id = f.execution_id
     WHERE f.schedule_id = $1 AND e.status NOT IN ('completed', 'failed', 'cancelled') ORDER BY f.instant`,
    scheduleId,
  )
  return rows.map(({ id }) => String(id))
}
