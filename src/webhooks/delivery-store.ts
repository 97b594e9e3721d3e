// By hand: it claims with SKIP LOCKED and compares rows with their neighbours, which Prisma's client cannot say, and a claim and its end are in the way
// of each request that is sent (decision 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import type { Database, Sql } from '../db/database.js'
import type { EventItem } from './batch.js'
import type { Claim, Position } from './record.js'

/** Requests of one hook that are under way at once, in all processes. */
const AT_ONCE = 8
/** After so many failures in a row a hook gets one request a minute, until one succeeds. */
const PROBING_AFTER = 20
const PROBE_SECONDS = 60
/** Longer than a request may take: then whoever had it is dead. */
const LEASE_SECONDS = 20
/** Of one hook, for one execution, within a minute. */
export const LOOP_COUNT = 1_000

const IS_PROBING = `w.failures >= ${PROBING_AFTER}`
const IS_OPEN = `w.state = 'active' AND (w.not_before IS NULL OR w.not_before <= now())`

/** One process claims of a hook at a time: the counts of what is under way are right then. Those that another process has locked are left to it. */
const LOCK_HOOKS = `
SELECT w.id FROM transient.webhook w
WHERE ${IS_OPEN} AND EXISTS (
  SELECT FROM transient.webhook_delivery d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL AND (d.next_attempt_at <= now() OR ${IS_PROBING}))
ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED`

const CLAIM = `
WITH hook AS (
  SELECT w.id, w.failures > 0 OR w.not_before IS NOT NULL AS is_failing, ${IS_PROBING} AS is_probing, CASE WHEN ${IS_PROBING} THEN 1 ELSE ${AT_ONCE} END AS at_once
  FROM transient.webhook w WHERE w.id = ANY($1::text[]) AND ${IS_OPEN}
), due AS (
  SELECT d.webhook_id, d.execution_id, hook.is_failing FROM hook CROSS JOIN LATERAL (
    SELECT d.webhook_id, d.execution_id FROM transient.webhook_delivery d
    WHERE d.webhook_id = hook.id AND d.next_attempt_at IS NOT NULL AND (d.lease_until IS NULL OR d.lease_until <= now())
      AND (d.next_attempt_at <= now() OR hook.is_probing)
    ORDER BY d.next_attempt_at
    LIMIT GREATEST(0, hook.at_once - (SELECT count(*) FROM transient.webhook_delivery f WHERE f.webhook_id = hook.id AND f.lease_until > now()))
    FOR NO KEY UPDATE SKIP LOCKED
  ) d
), probing AS (
  UPDATE transient.webhook w SET not_before = now() + ${PROBE_SECONDS} * interval '1 second'
  FROM hook WHERE w.id = hook.id AND hook.is_probing AND EXISTS (SELECT FROM due WHERE due.webhook_id = w.id)
)
UPDATE transient.webhook_delivery d SET token = $2::text, lease_until = now() + ${LEASE_SECONDS} * interval '1 second',
  next_attempt_at = now() + ${LEASE_SECONDS} * interval '1 second',
  target_revision = COALESCE(d.target_revision, d.pending_revision), target_seq = COALESCE(d.target_seq, d.pending_seq)
FROM due WHERE d.webhook_id = due.webhook_id AND d.execution_id = due.execution_id
RETURNING d.webhook_id, d.execution_id, d.delivered_revision, d.delivered_part, d.delivered_seq, d.target_revision, d.target_seq, d.round, d.attempts, due.is_failing,
  COALESCE(extract(epoch FROM now() - d.first_failed_at), 0)::double precision AS failing_seconds`

interface ClaimRow {
  readonly webhook_id: string
  readonly execution_id: bigint
  readonly delivered_revision: bigint
  readonly delivered_part: number
  readonly delivered_seq: bigint
  readonly target_revision: bigint
  readonly target_seq: bigint
  readonly round: number
  readonly attempts: number
  readonly failing_seconds: number
  readonly is_failing: boolean
}

/** Takes what is due, of each hook as many as may be under way. */
export async function claimDue(db: Database, token: string): Promise<Claim[]> {
  const rows = await db.transaction(async (tx) => {
    const hooks = await tx.rows<{ readonly id: string }>(LOCK_HOOKS)
    if (hooks.length === 0) return []
    return tx.rows<ClaimRow>(
      CLAIM,
      hooks.map(({ id }) => id),
      token,
    )
  })
  return rows.map((row) => ({
    webhookId: row.webhook_id,
    executionId: String(row.execution_id),
    from: { revision: Number(row.delivered_revision), part: row.delivered_part, seq: Number(row.delivered_seq) },
    target: { revision: Number(row.target_revision), seq: Number(row.target_seq) },
    round: row.round,
    attempts: row.attempts,
    failingSeconds: row.failing_seconds,
    isHookFailing: row.is_failing,
    token,
  }))
}

const MINE = 'd.webhook_id = $1::text AND d.execution_id = $2::bigint AND d.token = $3::text'
const IS_SAME_MINUTE = `d.minute_at > now() - interval '1 minute'`

export interface Delivered {
  readonly to: Position
  /** null: there was nothing to send. */
  readonly status: number | null
}

/**
 * A request was acknowledged, or there was nothing to send. Answers how many there were for this execution within a minute; null when the claim is not
 * this process's any more. Where the place was set back meanwhile it stays there.
 */
export async function endDelivered(db: Database, claim: Claim, { to, status }: Delivered): Promise<number | null> {
  const rows = await db.alone<{ readonly minute_count: number }>(
    `UPDATE transient.webhook_delivery d SET token = NULL, lease_until = NULL, attempts = 0, first_failed_at = NULL, last_error = NULL,
       target_revision = NULL, target_seq = NULL, last_status = COALESCE($5::integer, d.last_status),
       delivered_revision = CASE WHEN d.round = $4::integer THEN $6::bigint ELSE d.delivered_revision END,
       delivered_part = CASE WHEN d.round = $4::integer THEN $7::integer ELSE d.delivered_part END,
       delivered_seq = CASE WHEN d.round = $4::integer THEN $8::bigint ELSE d.delivered_seq END,
       next_attempt_at = CASE WHEN $9::boolean AND d.round = $4::integer AND d.pending_revision <= $6::bigint AND d.pending_seq <= $8::bigint THEN NULL ELSE now() END,
       pending_since = CASE WHEN $9::boolean AND d.round = $4::integer AND d.pending_revision <= $6::bigint AND d.pending_seq <= $8::bigint THEN NULL
         WHEN $6::bigint < d.target_revision OR $8::bigint < d.target_seq THEN d.pending_since ELSE now() END,
       delivered_at = CASE WHEN $5::integer IS NULL THEN d.delivered_at ELSE now() END,
       minute_at = CASE WHEN $5::integer IS NULL OR ${IS_SAME_MINUTE} THEN d.minute_at ELSE now() END,
       minute_count = CASE WHEN $5::integer IS NULL THEN d.minute_count WHEN ${IS_SAME_MINUTE} THEN d.minute_count + 1 ELSE 1 END
     WHERE ${MINE} RETURNING d.minute_count`,
    claim.webhookId,
    claim.executionId,
    claim.token,
    claim.round,
    status,
    String(to.revision),
    to.part,
    String(to.seq),
    to.part === 0,
  )
  return rows[0]?.minute_count ?? null
}

export interface Failed {
  readonly status: number | null
  readonly error: string
  /** null: it is given up, until something changes. */
  readonly retryMs: number | null
}

/** A request was not acknowledged. */
export async function endFailed(db: Database, claim: Claim, { status, error, retryMs }: Failed): Promise<void> {
  await db.alone(
    `UPDATE transient.webhook_delivery d SET token = NULL, lease_until = NULL, last_status = $5::integer, last_error = $6::text,
       attempts = CASE WHEN d.round = $4::integer THEN d.attempts + 1 ELSE 0 END, first_failed_at = CASE WHEN d.round = $4::integer THEN COALESCE(d.first_failed_at, now()) END,
       next_attempt_at = CASE WHEN d.round = $4::integer THEN now() + $7::double precision * interval '1 millisecond' ELSE now() END
     WHERE ${MINE}`,
    claim.webhookId,
    claim.executionId,
    claim.token,
    claim.round,
    status,
    error,
    retryMs,
  )
}

/** Gives a claim back whose request was not sent, or whose process stops. */
export async function releaseClaim(db: Database, { webhookId, executionId, token }: Claim): Promise<void> {
  await db.alone(
    `UPDATE transient.webhook_delivery d SET token = NULL, lease_until = NULL, next_attempt_at = now() WHERE ${MINE}`,
    ...[webhookId, executionId, token],
  )
}

/** The only process of an installation begins: what is claimed was claimed by one that is dead. */
export async function voidClaims(db: Database): Promise<void> {
  await db.run(
    'UPDATE transient.webhook_delivery SET token = NULL, lease_until = NULL, next_attempt_at = now() WHERE lease_until IS NOT NULL',
  )
}

/** One more failure in a row of a hook; nothing is sent for `pauseMs`, as the receiver asked. */
export async function countFailure(db: Database, webhookId: string, pauseMs: number | null): Promise<void> {
  await db.alone(
    `UPDATE transient.webhook SET failures = failures + 1,
       not_before = GREATEST(not_before, now() + $2::double precision * interval '1 millisecond') WHERE id = $1::text`,
    webhookId,
    pauseMs,
  )
}

/** A hook that failed works again: what waited for its next try is due. */
export async function forgetFailures(db: Database, webhookId: string): Promise<void> {
  const rows = await db.alone<{ readonly id: string }>(
    'UPDATE transient.webhook SET failures = 0, not_before = NULL WHERE id = $1::text AND (failures > 0 OR not_before IS NOT NULL) RETURNING id',
    webhookId,
  )
  if (rows.length > 0) await makeDue(db, webhookId)
}

/** Everything of a hook that is not delivered is due, also what was given up. */
export async function makeDue(db: Database, webhookId: string): Promise<void> {
  await db.alone(
    `UPDATE transient.webhook_delivery d SET next_attempt_at = now(), first_failed_at = NULL
     FROM (SELECT execution_id FROM transient.webhook_delivery WHERE webhook_id = $1::text AND pending_since IS NOT NULL AND lease_until IS NULL
       AND (next_attempt_at IS NULL OR next_attempt_at > now()) ORDER BY execution_id FOR NO KEY UPDATE) due
     WHERE d.webhook_id = $1::text AND d.execution_id = due.execution_id`,
    webhookId,
  )
}

interface EventRow {
  readonly seq: bigint
  readonly name: string
  readonly revision: bigint
  readonly step: string | null
  readonly data: string | null
}

/** The playbook of an execution, and the next events with these names; null when the execution is gone. */
export async function readEvents(
  sql: Sql,
  { executionId, from, target }: Claim,
  { names, limit }: { readonly names: readonly string[]; readonly limit: number },
): Promise<EventItem[]> {
  const rows = await sql.rows<EventRow>(
    `SELECT seq, name, revision, step, data::text AS data FROM transient.event
     WHERE execution_id = $1::bigint AND seq > $2::bigint AND seq <= $3::bigint AND name = ANY($4::text[]) ORDER BY seq LIMIT ${limit}`,
    executionId,
    String(from.seq),
    String(target.seq),
    names,
  )
  return rows.map(({ seq, name, revision, step, data }) => ({
    ...{ seq: Number(seq), name, revision: Number(revision), step },
    data: data === null ? null : (parseJson(data) as JsonObject),
  }))
}

/** Values of variables as they were at a revision; null: of all. */
export async function readValuesAt(
  sql: Sql,
  at: { readonly executionId: ExecutionId; readonly revision: number; readonly names: readonly string[] | null },
): Promise<JsonObject> {
  const rows = await sql.rows<{ readonly var_name: string; readonly operation: string; readonly value: string }>(
    `SELECT DISTINCT ON (var_name) var_name, operation, value::text AS value FROM noetl.transient_history
     WHERE execution_id = $1::bigint AND revision <= $2::bigint AND ($3::text[] IS NULL OR var_name = ANY($3::text[]))
     ORDER BY var_name, revision DESC, seq DESC`,
    at.executionId,
    String(at.revision),
    at.names,
  )
  return Object.fromEntries(
    rows.filter(({ operation }) => operation === 'set').map((row) => [row.var_name, parseJson(row.value)]),
  )
}

/** Which playbook an execution runs; null when there is no such execution. */
export async function findPlaybookOf(sql: Sql, executionId: string) {
  const [row] = await sql.rows<{ readonly path: string | null; readonly version: number | null; readonly oldest: bigint }>(
    'SELECT playbook_path AS path, playbook_version AS version, oldest_revision AS oldest FROM transient.execution WHERE id = $1::bigint',
    executionId,
  )
  return row === undefined ? null : { path: row.path, version: row.version, oldestRevision: Number(row.oldest) }
}

/** An execution is gone: nothing of it can be sent any more. */
export async function forgetDelivery(db: Database, claim: Claim): Promise<void> {
  await db.alone(`DELETE FROM transient.webhook_delivery d WHERE ${MINE}`, claim.webhookId, claim.executionId, claim.token)
}
