// By hand: every watch asks this at each change; a page ends between two revisions, which is a window over rows (decision 24).

import type { ChangeRecord, ChangeSetRecord } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import type { VariableType } from '../../core/status.js'
import type { Sql } from '../../db/database.js'
import { CHANGE_COLUMNS, type ChangeRow, toChange } from '../store.js'

/** Where an execution's change log stands. */
interface Position {
  readonly revision: number
  /** The smallest `afterRevision` that still works. */
  readonly oldestRevision: number
}

const UNKNOWN: Position = { revision: 0, oldestRevision: 0 }
/** Read ahead at most so much; a single revision may be larger, and is never cut. */
const AHEAD_ROWS = 200
const AHEAD_BYTES = 1024 * 1024

/** About what a value takes as text: stored as it is, or compressed, which may be a hundredth of it. */
function textSize(column: string): string {
  return `COALESCE(CASE WHEN pg_column_compression(${column}) IS NULL THEN pg_column_size(${column})
    ELSE octet_length(${column}::text) END, 0)`
}

/** The position of one execution; an unknown one stands at its beginning. */
export async function findPosition(sql: Sql, id: ExecutionId): Promise<Position> {
  const [row] = await sql.rows<{ readonly revision: bigint; readonly oldest_revision: bigint }>(
    'SELECT revision, oldest_revision FROM transient.execution WHERE id = $1',
    id,
  )
  return row === undefined ? UNKNOWN : { revision: Number(row.revision), oldestRevision: Number(row.oldest_revision) }
}

/** @throws TransientError REVISION_GONE with `oldestRevision`, when changes after the revision are no longer kept */
export function checkKept(afterRevision: number, oldestRevision: number): void {
  if (afterRevision >= oldestRevision) return
  throw new TransientError(
    'REVISION_GONE',
    `afterRevision: changes after revision ${afterRevision} are no longer kept; list again, or start from ${oldestRevision}`,
    { details: { oldestRevision } },
  )
}

/**
 * Revisions go back when a replica that lagged takes over, or a backup is restored: what comes next has numbers that were sent already.
 * @throws TransientError REVISION_GONE with `oldestRevision`, when the execution stands before a revision that it had
 */
export async function checkNotSetBack(sql: Sql, executionId: ExecutionId, had: number): Promise<void> {
  const { revision, oldestRevision } = await findPosition(sql, executionId)
  if (revision >= had) return
  throw new TransientError(
    'REVISION_GONE',
    `the database has lost what came after revision ${revision}: ${had} was reached before; list again, and watch from the list's revision`,
    { details: { oldestRevision } },
  )
}

export interface PullRequest {
  readonly executionId: ExecutionId
  readonly after: number
  readonly names: readonly string[] | null
  readonly types: readonly VariableType[] | null
}

export interface Pulled {
  readonly changes: readonly ChangeRecord[]
  /** The same by revision. */
  readonly sets: readonly ChangeSetRecord[]
  /** Everything up to here was looked at; null when there is nothing after `after`. */
  readonly upTo: number | null
  /** Where the execution stood; null where there is none. */
  readonly revision: number | null
}

/**
 * The next changes after a revision, whole revisions only, with what a filter lets through.
 * @throws TransientError REVISION_GONE
 */
export async function pullChanges(sql: Sql, { executionId, after, names, types }: PullRequest): Promise<Pulled> {
  const rows = await sql.rows<
    ChangeRow & { readonly oldest_revision: bigint | null; readonly now_at: bigint | null; readonly up_to: bigint | null }
  >(
    `WITH ahead AS (
       SELECT h.revision, ${textSize('h.value')} + ${textSize('h.previous_value')} AS bytes
       FROM noetl.transient_history h WHERE h.execution_id = $1::bigint AND h.revision > $2::bigint
       ORDER BY h.revision, h.seq LIMIT ${AHEAD_ROWS}
     ), reach AS (
       SELECT COALESCE(max(revision) FILTER (WHERE total <= ${AHEAD_BYTES}), min(revision)) AS up_to
       FROM (SELECT revision, sum(bytes) OVER (ORDER BY revision) AS total FROM ahead) summed
     )
     SELECT e.oldest_revision, e.revision AS now_at, reach.up_to, page.*
     FROM reach LEFT JOIN transient.execution e ON e.id = $1::bigint
     LEFT JOIN LATERAL (
       SELECT ${CHANGE_COLUMNS} FROM noetl.transient_history h
       WHERE h.execution_id = $1::bigint AND h.revision > $2::bigint AND h.revision <= reach.up_to
         AND ($3::text[] IS NULL OR h.var_name = ANY($3::text[])) AND ($4::text[] IS NULL OR h.var_type = ANY($4::text[]))
     ) page ON TRUE
     ORDER BY page.revision, page.seq`,
    executionId,
    String(after),
    names,
    types,
  )
  checkKept(after, Number(rows[0]?.oldest_revision ?? 0))
  const upTo = rows[0]?.up_to ?? null
  const changes = rows.filter((row) => row.revision !== null).map((row) => toChange(executionId, row))
  const revision = rows[0]?.now_at ?? null
  return {
    ...{ changes, sets: byRevision(changes) },
    upTo: upTo === null ? null : Number(upTo),
    revision: revision === null ? null : Number(revision),
  }
}

function byRevision(changes: readonly ChangeRecord[]): ChangeSetRecord[] {
  const sets: { revision: number; changes: ChangeRecord[] }[] = []
  for (const change of changes) {
    const last = sets.at(-1)
    if (last?.revision === change.revision) last.changes.push(change)
    else sets.push({ revision: change.revision, changes: [change] })
  }
  return sets
}
