// Spaces are looked up, and idempotency keys removed, by Prisma's client. By hand is what goes by an index only in these words, what a lock holds, compares a row with
// others or removes many rows by their place: Prisma's client cannot say it, or would bring every row here first.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionId } from '../../core/ids.js'
import type { Database, Sql } from '../../db/database.js'
import { lockExecution } from '../../executions/store.js'

const BATCH = 5_000
/** So many executions are found at once. */
export const FOUND = 100

/** The minute itself, and as long as a transaction may last whose changes are found by the minute in which it began. */
const OVERLAP_MINUTES = 4

/**
 * Executions with more change-log rows than the limit, of those that changed in the last milliseconds (null: of all); a space's change log has an age, and
 * no limit. Asked for the time since the question before, it looks at few: an execution that does not change does not get more rows.
 */
export async function findOverLimit(sql: Sql, historyLimit: number, lastMs: number | null): Promise<ExecutionId[]> {
  const rows = await sql.rows<{ readonly id: bigint }>(
    `SELECT id FROM transient.execution WHERE history_count > $1::bigint AND space IS NULL
       ${lastMs === null ? '' : `AND changed_minute >= now() - $2::double precision * interval '1 millisecond' - interval '${OVERLAP_MINUTES} minutes'`}
     LIMIT ${FOUND}`,
    ...[historyLimit, ...(lastMs === null ? [] : [lastMs])],
  )
  return rows.map(({ id }) => String(id))
}

/** The next spaces by their ids that have a change log. */
export async function findSpaces(sql: Sql, after: ExecutionId | null): Promise<ExecutionId[]> {
  const rows = await sql.prisma(({ execution }) =>
    execution.findMany({
      where: { space: { not: null }, historyCount: { gt: 0 }, id: { lt: 0, ...(after === null ? {} : { gt: BigInt(after) }) } },
      orderBy: { id: 'asc' },
      take: FOUND,
      select: { id: true },
    }),
  )
  return rows.map(({ id }) => String(id))
}

interface ChangeLog {
  readonly id: bigint
  readonly oldestRevision: bigint
}

/** Finds the last revision of a change log that is to go; null when all of it stays. */
export type FindLast = (sql: Sql, log: ChangeLog) => Promise<bigint | null>

/** What is beyond so many rows. */
export function beyondRows(historyLimit: number): FindLast {
  return async (sql, { id, oldestRevision }) => {
    const last = await sql.prisma(({ variableChange }) =>
      variableChange.findFirst({
        where: { executionId: id, revision: { gt: oldestRevision } },
        orderBy: [{ revision: 'desc' }, { seq: 'desc' }],
        skip: historyLimit,
        select: { revision: true },
      }),
    )
    return last?.revision ?? null
  }
}

/** What was written before the time. Revisions have no gaps, and rise with their times: nothing is read but what goes. */
export function writtenBefore(before: Date): FindLast {
  return async (sql, { id, oldestRevision }) => {
    const kept = { executionId: id, revision: { gt: oldestRevision } }
    const first = await sql.prisma(({ variableChange }) =>
      variableChange.findFirst({ where: kept, orderBy: { revision: 'asc' }, select: { changedAt: true } }),
    )
    if (first === null || first.changedAt >= before) return null
    const young = await sql.prisma(({ variableChange }) =>
      variableChange.findFirst({
        where: { ...kept, changedAt: { gte: before } },
        orderBy: { revision: 'asc' },
        select: { revision: true },
      }),
    )
    if (young !== null) return young.revision - 1n
    const last = await sql.prisma(({ variableChange }) => variableChange.aggregate({ where: kept, _max: { revision: true } }))
    return last._max.revision
  }
}

/**
 * Moves the oldest revision of an execution or a space up, past what is to go. Readers obey that at once; the
 * rows go afterwards. Rows that are there never change, so they are counted without holding the execution, which is only locked
 * for the update itself: writers do not wait for the count. Returns whether it moved.
 */
export async function moveOldestRevision(db: Database, id: ExecutionId, findLast: FindLast): Promise<boolean> {
  const where = { id: BigInt(id) }
  const execution = await db.prisma((client) => client.execution.findUnique({ where, select: { oldestRevision: true } }))
  if (execution === null) return false
  const { oldestRevision } = execution
  const last = await findLast(db, { ...where, oldestRevision })
  if (last === null) return false
  const trimmed = await db.prisma(({ variableChange }) =>
    variableChange.count({ where: { executionId: where.id, revision: { gt: oldestRevision, lte: last } } }),
  )
  // Two processes may do this at once: the second finds that the first has moved it.
  const moved = await db.prisma((client) =>
    client.execution.updateMany({
      where: { ...where, oldestRevision },
      data: { oldestRevision: last, historyCount: { decrement: trimmed } },
    }),
  )
  return moved.count === 1
}

/**
 * Deletes the change log up to the oldest revision, except for each variable's latest row, from which the past after it is read.
 */
export async function deleteTrimmed(sql: Sql, id: ExecutionId): Promise<void> {
  await deleteInBatches(
    sql,
    `DELETE FROM noetl.transient_history WHERE execution_id = $1::bigint AND ctid = ANY(ARRAY(
       SELECT h.ctid FROM noetl.transient_history h JOIN transient.execution e ON e.id = h.execution_id
       WHERE h.execution_id = $1::bigint AND h.revision <= e.oldest_revision AND (h.operation = 'delete' OR EXISTS (
         SELECT 1 FROM noetl.transient_history later WHERE later.execution_id = h.execution_id AND later.var_name = h.var_name
           AND later.revision > h.revision AND later.revision <= e.oldest_revision))
       LIMIT ${BATCH}))`,
    id,
  )
}

/** Forgets the idempotency keys from before the time: each lasts as long as what it started. */
export async function deleteIdempotencyKeys(sql: Sql, before: Date): Promise<void> {
  const where = { createdAt: { lt: before } }
  await inBatches(async () => (await sql.prisma(({ idempotency }) => idempotency.deleteMany({ where, limit: BATCH }))).count)
}

/** Executions that ended, or were created by a write and left alone, before the time, and were not purged. */
export async function findExpired(sql: Sql, before: Date): Promise<ExecutionId[]> {
  const rows = await sql.rows<{ readonly id: bigint }>(
    `SELECT id FROM transient.execution
     WHERE changed_minute < $1::timestamptz AND COALESCE(finished_at, updated_at) < $1::timestamptz AND space IS NULL
       AND (status IN ('completed', 'failed', 'cancelled') OR (status = 'running' AND playbook_path IS NULL))
     ORDER BY changed_minute LIMIT ${FOUND}`,
    before,
  )
  return rows.map(({ id }) => String(id))
}

/**
 * Empties an expired execution, except for its row. A finished one can never be watched again; one that may be written again goes
 * on at a revision that says so, and its variables' versions go on too. The rest goes afterwards, in batches.
 */
export async function emptyExecution(db: Database, id: ExecutionId, before: Date): Promise<boolean> {
  return db.transaction(async (tx) => {
    const execution = await lockExecution(tx, id)
    const [expired] = await tx.rows<{ readonly updated_at: Date }>(
      'SELECT updated_at FROM transient.execution WHERE id = $1::bigint AND COALESCE(finished_at, updated_at) < $2::timestamptz',
      id,
      before.toISOString(),
    )
    if (execution === null || expired === undefined) return false
    const isRunning = execution.status === 'running'
    if (isRunning) await buryAll(tx, id)
    else await tx.run('DELETE FROM transient.tombstone WHERE execution_id = $1::bigint', id)
    await tx.run('DELETE FROM noetl.transient WHERE execution_id = $1::bigint', id)
    await tx.run('DELETE FROM transient.webhook_delivery WHERE execution_id = $1::bigint', id)
    const revision = isRunning && execution.oldestRevision < execution.revision ? execution.revision + 1 : execution.revision
    await tx.run(
      `UPDATE transient.execution SET revision = $2::bigint, oldest_revision = $3::bigint, variable_count = 0, variable_bytes = 0,
         workload = NULL, payload = NULL, inherited = NULL, sealed = NULL
       WHERE id = $1::bigint`,
      id,
      String(revision),
      String(isRunning ? revision : revision + 1),
    )
    return true
  })
}

async function buryAll(tx: Sql, id: ExecutionId): Promise<void> {
  await tx.run(
    `INSERT INTO transient.tombstone (execution_id, var_name, version)
     SELECT execution_id, var_name, version + 1 FROM noetl.transient WHERE execution_id = $1::bigint
     ON CONFLICT (execution_id, var_name) DO UPDATE SET version = EXCLUDED.version`,
    id,
  )
}

/** Deletes what an emptied execution left behind, then says that nothing is left. */
export async function deleteEmptied(db: Database, id: ExecutionId, before: Date): Promise<void> {
  const kept = `execution_id = $1::bigint AND revision <= (SELECT oldest_revision FROM transient.execution WHERE id = $1::bigint)`
  for (const table of ['noetl.transient_history', 'transient.event']) {
    await deleteInBatches(
      db,
      `DELETE FROM ${table} WHERE execution_id = $1::bigint AND ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${kept} LIMIT ${BATCH}))`,
      id,
    )
  }
  for (const table of ['transient.task', 'transient.step_run']) {
    const some = `SELECT ctid FROM ${table} WHERE execution_id = $1::bigint LIMIT ${BATCH}`
    await deleteInBatches(db, `DELETE FROM ${table} WHERE execution_id = $1::bigint AND ctid = ANY(ARRAY(${some}))`, id)
  }
  await db.transaction(async (tx) => {
    const execution = await lockExecution(tx, id)
    if (execution === null) return
    // One that was written to meanwhile may be purged again.
    await tx.run(
      `UPDATE transient.execution SET oldest_revision = $2::bigint,
         history_count = (SELECT count(*) FROM noetl.transient_history WHERE execution_id = $1::bigint AND revision > $2::bigint),
         changed_minute = CASE WHEN COALESCE(finished_at, updated_at) >= $3::timestamptz THEN changed_minute END
       WHERE id = $1::bigint`,
      id,
      String(execution.oldestRevision),
      before,
    )
  })
}

/**
 * A statement that deletes by `ctid` also names the execution: in a partitioned table (docs/scaling.md) a ctid is a row's place in
 * its partition only, and another execution's row has the same.
 */
function deleteInBatches(sql: Sql, statement: string, parameter: string): Promise<void> {
  return inBatches(() => sql.run(statement, parameter))
}

/** Rests after each batch as long as the batch took. */
async function inBatches(remove: () => Promise<number>): Promise<void> {
  for (;;) {
    const began = performance.now()
    const removed = await remove()
    if (removed < BATCH) return
    await sleep(performance.now() - began)
  }
}
