// By hand: it travels with the commit of the transaction that writes the variables (decisions 17, 24).
import type { Transaction } from '../db/database.js'
import type { Draft } from './draft.js'

const WRITE_EXPIRIES = `
INSERT INTO transient.expiry AS x (execution_id, var_name, version, expires_at)
SELECT execution_id, name, version, now() + ttl * interval '1 second'
FROM json_to_recordset($1::json) AS e (execution_id bigint, name text, version integer, ttl double precision)
ORDER BY execution_id, name
ON CONFLICT (execution_id, var_name) DO UPDATE SET version = EXCLUDED.version, expires_at = EXCLUDED.expires_at`

/** Notes until when variables are kept that were written with a `ttl`; a later write of one has another version, and ends that. */
export function writeExpiries(tx: Transaction, drafts: readonly Draft[]): void {
  const timed = new Map(
    drafts
      .flatMap(({ changes }) => changes)
      .filter(({ ttl }) => ttl !== null)
      .map(({ executionId, name, version, ttl }) => [
        `${executionId}/${name}`,
        { execution_id: executionId, name, version, ttl },
      ]),
  )
  if (timed.size > 0) tx.send(WRITE_EXPIRIES, JSON.stringify([...timed.values()]))
}
