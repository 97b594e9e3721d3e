// By hand: one statement for each request from outside, and a log that keeps its own length (decision 42).
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, parseJson, stringifyJson } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import type { StoredSecrets } from '../store.js'
import type { Preset, TriggerDelivery, TriggerOutcome, TriggerRecord } from './record.js'

/** Requests of a trigger that are kept, beside those that a repetition is known by. */
const MAX_DELIVERIES = 100

interface TriggerRow {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly version: number | null
  readonly preset: string | null
  readonly workload: string | null
  readonly idempotency_header: string | null
  readonly signature_header: string | null
  readonly is_paused: boolean
}

const COLUMNS =
  't.id, t.name, t.path, t.version, t.preset, t.workload::text AS workload, t.idempotency_header, t.signature_header, t.is_paused'

/** The table's check lets no other preset in. */
function toTrigger(row: TriggerRow): TriggerRecord {
  return {
    id: row.id,
    name: row.name,
    path: row.path,
    version: row.version,
    preset: row.preset as Preset | null,
    workload: row.workload === null ? null : (parseJson(row.workload) as JsonObject),
    idempotencyHeader: row.idempotency_header,
    signatureHeader: row.signature_header,
    isPaused: row.is_paused,
  }
}

/** Makes a trigger; null when there is one of that name. */
export async function insertTrigger(sql: Sql, trigger: TriggerRecord & StoredSecrets): Promise<TriggerRecord | null> {
  const { id, name, path, version, preset, workload, idempotencyHeader, signatureHeader, isPaused, secrets, sealed } = trigger
  const [row] = await sql.rows<TriggerRow>(
    `INSERT INTO transient.trigger AS t (id, name, path, version, preset, workload, idempotency_header, signature_header, is_paused, secrets, sealed)
     VALUES ($1, $2, $3, $4::integer, $5, $6::jsonb, $7, $8, $9::boolean, $10, $11) ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    ...[id, name, path, version, preset, workload === null ? null : stringifyJson(workload)],
    ...[idempotencyHeader, signatureHeader, isPaused, secrets, sealed],
  )
  return row ? toTrigger(row) : null
}

/** Replaces all of it but the secrets. */
export async function updateTrigger(sql: Sql, trigger: Omit<TriggerRecord, 'id'>): Promise<TriggerRecord | null> {
  const { name, path, version, preset, workload, idempotencyHeader, signatureHeader, isPaused } = trigger
  const [row] = await sql.rows<TriggerRow>(
    `UPDATE transient.trigger t SET path = $2, version = $3::integer, preset = $4, workload = $5::jsonb, idempotency_header = $6,
       signature_header = $7, is_paused = $8::boolean WHERE name = $1 RETURNING ${COLUMNS}`,
    ...[name, path, version, preset, workload === null ? null : stringifyJson(workload)],
    ...[idempotencyHeader, signatureHeader, isPaused],
  )
  return row ? toTrigger(row) : null
}

export async function findTrigger(sql: Sql, name: string): Promise<TriggerRecord | null> {
  const [row] = await sql.rows<TriggerRow>(`SELECT ${COLUMNS} FROM transient.trigger t WHERE t.name = $1`, name)
  return row ? toTrigger(row) : null
}

/** By name. */
export async function listTriggers(sql: Sql): Promise<TriggerRecord[]> {
  return (await sql.rows<TriggerRow>(`SELECT ${COLUMNS} FROM transient.trigger t ORDER BY t.name`)).map(toTrigger)
}

export async function countTriggers(sql: Sql): Promise<number> {
  const [row] = await sql.rows<{ count: bigint }>('SELECT count(*) AS count FROM transient.trigger')
  return Number(row?.count ?? 0)
}

export async function deleteTrigger(sql: Sql, name: string): Promise<TriggerRecord | null> {
  const [row] = await sql.rows<TriggerRow>(`DELETE FROM transient.trigger t WHERE t.name = $1 RETURNING ${COLUMNS}`, name)
  return row ? toTrigger(row) : null
}

export async function findTriggerSecrets(sql: Sql, id: string): Promise<StoredSecrets | null> {
  const [row] = await sql.rows<StoredSecrets>('SELECT sealed, secrets FROM transient.trigger WHERE id = $1', id)
  return row ?? null
}

export async function saveTriggerSecrets(sql: Sql, id: string, { secrets, sealed }: StoredSecrets): Promise<void> {
  await sql.run('UPDATE transient.trigger SET secrets = $2, sealed = $3 WHERE id = $1', id, secrets, sealed)
}

export interface NewDelivery {
  readonly triggerId: string
  readonly outcome: TriggerOutcome
  readonly key: string | null
  readonly executionId: ExecutionId | null
  readonly reason: string | null
}

/** Notes a request, and forgets those of long ago; what a repetition is known by stays for a day. */
export async function noteDelivery(sql: Sql, { triggerId, outcome, key, executionId, reason }: NewDelivery): Promise<void> {
  await sql.run(
    `INSERT INTO transient.trigger_delivery (trigger_id, outcome, key, execution_id, reason) VALUES ($1, $2, $3, $4::bigint, $5)`,
    ...[triggerId, outcome, key, executionId, reason],
  )
  await sql.run(
    `DELETE FROM transient.trigger_delivery WHERE trigger_id = $1 AND (key IS NULL OR received_at < now() - interval '1 day')
       AND seq <= (SELECT seq FROM transient.trigger_delivery WHERE trigger_id = $1 ORDER BY seq DESC OFFSET ${MAX_DELIVERIES} LIMIT 1)`,
    triggerId,
  )
}

/** What a request of the same key has started within a day. */
export async function findRepeated(sql: Sql, triggerId: string, key: string): Promise<ExecutionId | null> {
  const [row] = await sql.rows<{ execution_id: bigint }>(
    `SELECT execution_id FROM transient.trigger_delivery WHERE trigger_id = $1 AND key = $2 AND execution_id IS NOT NULL
       AND received_at > now() - interval '1 day' ORDER BY seq LIMIT 1`,
    triggerId,
    key,
  )
  return row ? String(row.execution_id) : null
}

/** The last requests of each, newest first. */
export async function lastDeliveries(sql: Sql, ids: readonly string[]): Promise<Map<string, TriggerDelivery[]>> {
  const rows = await sql.rows<{
    trigger_id: string
    received_at: Date
    outcome: TriggerOutcome
    execution_id: bigint | null
    reason: string | null
  }>(
    `SELECT d.trigger_id, d.received_at, d.outcome, d.execution_id, d.reason FROM unnest($1::text[]) AS i (id) CROSS JOIN LATERAL (
       SELECT * FROM transient.trigger_delivery WHERE trigger_id = i.id ORDER BY seq DESC LIMIT ${MAX_DELIVERIES}) d`,
    [...ids],
  )
  const found = new Map<string, TriggerDelivery[]>(ids.map((id) => [id, []]))
  for (const { trigger_id, received_at, outcome, execution_id, reason } of rows) {
    const executionId = execution_id === null ? null : String(execution_id)
    found.get(trigger_id)?.push({ receivedAt: received_at, outcome, executionId, reason })
  }
  return found
}
