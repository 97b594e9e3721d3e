import { counterPart, cursorsBy, type Page, pageSize, readCursor } from '../core/cursor.js'
import type { Sql, SqlParameter } from '../db/database.js'
import type { AuditEntry, AuditRequest, NewAuditEntry } from './record.js'

interface AuditRow {
  readonly seq: bigint
  readonly occurred_at: Date
  readonly actor: string
  readonly key_id: string | null
  readonly action: string
  readonly execution_id: bigint | null
  readonly subject: string | null
  readonly count: number
}

/** What one statement removes: a year of entries takes many. */
const PURGE_BATCH = 10_000
const COLUMNS = 'seq, occurred_at, actor, key_id, action, execution_id, subject, count'

export async function insertEntries(sql: Sql, entries: readonly NewAuditEntry[]): Promise<void> {
  if (entries.length === 0) return
  await sql.run(
    `INSERT INTO transient.audit (occurred_at, actor, key_id, action, execution_id, subject, count)
     SELECT "occurredAt", actor, "keyId", action, "executionId", subject, count FROM json_to_recordset($1::json)
       AS t ("occurredAt" timestamptz, actor text, "keyId" text, action text, "executionId" bigint, subject text, count integer)`,
    JSON.stringify(entries),
  )
}

/** One page, newest first. */
export async function pageEntries(sql: Sql, request: AuditRequest): Promise<Page<AuditEntry>> {
  const size = pageSize(request.first)
  const parameters: SqlParameter[] = []
  const where = ['true']
  const add = (condition: (placeholder: string) => string, value: SqlParameter | undefined): void => {
    if (value === null || value === undefined) return
    parameters.push(value)
    where.push(condition(`$${parameters.length}`))
  }
  add((value) => `execution_id = ${value}::bigint`, request.executionId)
  add((value) => `actor = ${value}::text`, request.actor?.replaceAll('\0', ''))
  add((value) => `action = ${value}::text`, request.action?.replaceAll('\0', ''))
  add((value) => `occurred_at >= ${value}::timestamptz`, request.since)
  add((value) => `occurred_at < ${value}::timestamptz`, request.until)
  const counted = await sql.rows<{ count: bigint }>(
    `SELECT count(*) AS count FROM transient.audit WHERE ${where.join(' AND ')}`,
    ...parameters,
  )
  const after = readCursor(request.after, [counterPart()])
  add((value) => `seq < ${value}::bigint`, after?.[0])
  const rows = await sql.rows<AuditRow>(
    `SELECT ${COLUMNS} FROM transient.audit WHERE ${where.join(' AND ')} ORDER BY seq DESC LIMIT ${size + 1}`,
    ...parameters,
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(fromRow),
    cursorAt: cursorsBy(shown, ({ seq }) => [String(seq)]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: Number(counted[0]?.count ?? 0),
  }
}

/** Removes what is older than so many days. */
export async function purgeEntries(sql: Sql, days: number): Promise<void> {
  let count = PURGE_BATCH
  while (count === PURGE_BATCH) {
    count = await sql.run(
      `DELETE FROM transient.audit WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM transient.audit WHERE occurred_at < now() - $1::integer * interval '1 day' LIMIT ${PURGE_BATCH}))`,
      days,
    )
  }
}

function fromRow(row: AuditRow): AuditEntry {
  return {
    seq: String(row.seq),
    occurredAt: row.occurred_at,
    actor: row.actor,
    keyId: row.key_id,
    action: row.action,
    executionId: row.execution_id === null ? null : String(row.execution_id),
    subject: row.subject,
    count: row.count,
  }
}
