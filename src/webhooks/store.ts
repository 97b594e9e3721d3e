// By Prisma's client. By hand is what the start, every second and each look at the metrics ask, which need not wait for that client; and what it has no word for: a lock, and a
// row that an upsert takes from the events.
import { counterPart, cursorsBy, type Page, type PageRequest, pageSize, readCursor } from '../core/cursor.js'
import { type JsonObject, parseJson, stringifyJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import { databaseTime } from '../db/now.js'
import type { DeliveryRecord, WebhookFilter, WebhookRecord, WebhookState } from './record.js'

interface WebhookRow {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly filter: string
  readonly state: string
  readonly reason: string | null
  readonly version: number
  readonly createdAt: Date
}

const COLUMNS = 'id, name, url, filter::text AS filter, state, reason, version, created_at AS "createdAt"'
const SHOWN = {
  id: true,
  name: true,
  url: true,
  filter: true,
  state: true,
  reason: true,
  version: true,
  createdAt: true,
} as const

/** The table's CHECK lets no other states in, and the service no other filters. */
function toWebhook({ filter, state, ...row }: WebhookRow): WebhookRecord {
  return { ...row, ...(parseJson(filter) as unknown as WebhookFilter), state: state as WebhookState }
}

/** Hooks are made and changed one after another, until the transaction ends. */
export async function lockWebhooks(tx: Sql): Promise<void> {
  await tx.run(`SELECT pg_advisory_xact_lock(hashtextextended('transient.webhook', 0))`)
}

/** Every hook, by name. */
export async function listWebhooks(sql: Sql): Promise<WebhookRecord[]> {
  return (await sql.rows<WebhookRow>(`SELECT ${COLUMNS} FROM transient.webhook ORDER BY name`)).map(toWebhook)
}

export async function findWebhook(sql: Sql, id: string): Promise<WebhookRecord | null> {
  const row = await sql.prisma(({ webhook }) => webhook.findUnique({ where: { id }, select: SHOWN }))
  return row === null ? null : toWebhook(row as unknown as WebhookRow)
}

export interface StoredSecrets {
  readonly sealed: string | null
  readonly secrets: string | null
}

export interface NewWebhook extends StoredSecrets {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly filter: WebhookFilter
}

export async function insertWebhook(sql: Sql, { filter, ...hook }: NewWebhook): Promise<WebhookRecord> {
  const data = { ...hook, filter: filterText(filter) }
  return toWebhook((await sql.prisma(({ webhook }) => webhook.create({ data, select: SHOWN }))) as unknown as WebhookRow)
}

/** What it selects is another from now on. */
export async function updateWebhook(sql: Sql, { id, name, url, filter }: Omit<NewWebhook, keyof StoredSecrets>): Promise<void> {
  const changedAt = await databaseTime(sql)
  const data = { name, url, filter: filterText(filter), changedAt, version: { increment: 1 } }
  await sql.prisma(({ webhook }) => webhook.update({ where: { id }, data }))
}

function filterText({ pathPrefix, events, names, types, exceptActors, when }: WebhookFilter): string {
  const filter = { pathPrefix, events: [...events], names: names && [...names], types: types && [...types] }
  return stringifyJson({ ...filter, exceptActors: [...exceptActors], when } as JsonObject)
}

/** Active again, a hook begins without failures. */
export async function setState(
  sql: Sql,
  id: string,
  { state, reason }: { readonly state: WebhookState; readonly reason: string | null },
): Promise<boolean> {
  const data = { state, reason, ...(state === 'active' ? { failures: 0, notBefore: null } : {}) }
  const where = { id, ...(state === 'active' ? {} : { state: { in: ['active', state] } }) }
  return (await sql.prisma(({ webhook }) => webhook.updateMany({ where, data }))).count > 0
}

/** With all that is pending for it. */
export async function deleteWebhook(tx: Sql, id: string): Promise<boolean> {
  const { count } = await tx.prisma(({ webhook }) => webhook.deleteMany({ where: { id } }))
  await tx.prisma(({ webhookDelivery }) => webhookDelivery.deleteMany({ where: { webhookId: id } }))
  return count > 0
}

export async function findSecrets(sql: Sql, id: string): Promise<StoredSecrets | null> {
  return sql.prisma(({ webhook }) => webhook.findUnique({ where: { id }, select: { sealed: true, secrets: true } }))
}

export async function saveSecrets(sql: Sql, id: string, secrets: StoredSecrets): Promise<void> {
  await sql.prisma(({ webhook }) => webhook.update({ where: { id }, data: { ...secrets } }))
}

export interface Pending {
  readonly count: number
  readonly oldestAt: Date | null
}

/** Executions of which something waits, of one hook or of all. */
export async function countPending(sql: Sql, webhookId: string | null = null): Promise<Pending> {
  const [row] = await sql.rows<{ readonly count: bigint; readonly oldest: Date | null }>(
    `SELECT count(*) AS count, min(pending_since) AS oldest FROM transient.webhook_delivery
     WHERE pending_since IS NOT NULL AND ($1::text IS NULL OR webhook_id = $1::text)`,
    webhookId,
  )
  return { count: Number(row?.count ?? 0), oldestAt: row?.oldest ?? null }
}

export interface DeliveryQuery extends PageRequest {
  readonly webhookId: string
  readonly failedOnly: boolean
}

/** How far a hook has got with each execution, the youngest execution first. */
export async function pageDeliveries(sql: Sql, { webhookId, failedOnly, ...page }: DeliveryQuery): Promise<Page<DeliveryRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [counterPart()])
  const where = { webhookId, ...(failedOnly ? { attempts: { gt: 0 } } : {}) }
  const { isCounted = true } = page
  const totalCount = isCounted ? await sql.prisma(({ webhookDelivery }) => webhookDelivery.count({ where })) : null
  const rows = await sql.prisma(({ webhookDelivery }) =>
    webhookDelivery.findMany({
      where: { ...where, ...(after === null ? {} : { executionId: { lt: BigInt(after[0] ?? 0) } }) },
      orderBy: { executionId: 'desc' },
      take: size + 1,
    }),
  )
  const items = rows.slice(0, size).map(toDelivery)
  return {
    items,
    cursorAt: cursorsBy(items, ({ executionId }) => [executionId]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount,
  }
}

interface DeliveryRow {
  readonly executionId: bigint
  readonly deliveredRevision: bigint
  readonly pendingRevision: bigint
  readonly attempts: number
  readonly nextAttemptAt: Date | null
  readonly lastStatus: number | null
  readonly lastError: string | null
  readonly deliveredAt: Date | null
}

function toDelivery(row: DeliveryRow): DeliveryRecord {
  const { attempts, nextAttemptAt, lastStatus, lastError, deliveredAt } = row
  return {
    executionId: String(row.executionId),
    deliveredRevision: Number(row.deliveredRevision),
    pendingRevision: Number(row.pendingRevision),
    ...{ attempts, nextAttemptAt, lastStatus, lastError, deliveredAt },
  }
}

export interface SetBack {
  readonly webhookId: string
  readonly executionId: string
  readonly fromRevision: number
}

/**
 * Sends from a revision on again. What is under way goes on, and what it ends with changes nothing (`round`).
 * Answers null when there is no such execution.
 */
export async function setBack(sql: Sql, { webhookId, executionId, fromRevision }: SetBack): Promise<DeliveryRecord | null> {
  const [row] = await sql.rows<DeliveryRow>(
    `INSERT INTO transient.webhook_delivery AS d (webhook_id, execution_id, delivered_revision, delivered_seq, pending_revision, pending_seq,
       pending_since, next_attempt_at)
     SELECT $1::text, x.id, GREATEST($3::bigint - 1, 0),
       COALESCE((SELECT max(e.seq) FROM transient.event e WHERE e.execution_id = x.id AND e.revision < $3::bigint), 0), x.revision, x.event_seq, now(), now()
     FROM transient.execution x WHERE x.id = $2::bigint AND x.space IS NULL
     ON CONFLICT (webhook_id, execution_id) DO UPDATE SET delivered_revision = EXCLUDED.delivered_revision, delivered_part = 0,
       delivered_seq = EXCLUDED.delivered_seq, pending_revision = GREATEST(d.pending_revision, EXCLUDED.pending_revision),
       pending_seq = GREATEST(d.pending_seq, EXCLUDED.pending_seq), pending_since = now(), target_revision = NULL, target_seq = NULL,
       round = d.round + 1, attempts = 0, first_failed_at = NULL,
       next_attempt_at = CASE WHEN d.lease_until IS NULL THEN now() ELSE d.next_attempt_at END
     RETURNING execution_id AS "executionId", delivered_revision AS "deliveredRevision", pending_revision AS "pendingRevision", attempts,
       next_attempt_at AS "nextAttemptAt", last_status AS "lastStatus", last_error AS "lastError", delivered_at AS "deliveredAt"`,
    webhookId,
    executionId,
    String(fromRevision),
  )
  return row === undefined ? null : toDelivery(row)
}
