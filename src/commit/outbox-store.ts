// By hand: it is a part of the statements with which executions change (decision 24).
import type { Transaction } from '../db/database.js'
import type { Pointer } from './outbox.js'

/** Raises pointers ($n, JSON); `of`: a join that leaves some of them (`p`) out. A hook that is gone has none. */
export function raising(parameter: string, of = ''): string {
  return `INSERT INTO transient.webhook_delivery AS d (webhook_id, execution_id, delivered_revision, delivered_seq, pending_revision, pending_seq,
    pending_since, next_attempt_at)
  SELECT p.webhook_id, p.execution_id, p.from_revision, p.from_seq, p.revision, p.seq, now(), now()
  FROM json_to_recordset(${parameter}::json) AS p (webhook_id text, execution_id bigint, from_revision bigint, from_seq bigint, revision bigint, seq bigint)
  ${of} JOIN transient.webhook w ON w.id = p.webhook_id
  WHERE p.execution_id % 1 = 0 ORDER BY p.webhook_id, p.execution_id
  ON CONFLICT (webhook_id, execution_id) DO UPDATE SET pending_revision = GREATEST(d.pending_revision, EXCLUDED.pending_revision),
    pending_seq = GREATEST(d.pending_seq, EXCLUDED.pending_seq), pending_since = COALESCE(d.pending_since, EXCLUDED.pending_since),
    next_attempt_at = COALESCE(d.next_attempt_at, EXCLUDED.next_attempt_at)`
}

const RAISE = raising('$1')

/** Raises pointers of executions that this transaction changes. */
export function raisePointers(tx: Transaction, pointers: readonly Pointer[]): void {
  if (pointers.length > 0) tx.send(RAISE, pointersJson(pointers))
}

export function pointersJson(pointers: readonly Pointer[]): string {
  return JSON.stringify(
    pointers.map(({ webhookId, executionId, before, after }) => ({
      webhook_id: webhookId,
      execution_id: executionId,
      from_revision: before.revision,
      from_seq: before.seq,
      revision: after.revision,
      seq: after.seq,
    })),
  )
}
