// By hand, inside the transaction of a write: rows of the change log are changed as one array of JSON (decision 24).
import { parseJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { MASK } from '../sealing/mask.js'
import type { FoldedChange } from './fold.js'
import { keyOf } from './record.js'

/** Rows that are sealed in one statement. */
const BATCH = 1_000

interface PlainRow {
  readonly execution_id: bigint
  readonly name: string
  readonly revision: bigint
  readonly seq: number
  readonly value: string | null
}

/** Hides the earlier values of variables that become sensitive: those of this batch, and all that the change log has. */
export async function redactEarlier(tx: Sql, changes: readonly FoldedChange[], keyRing: KeyRing): Promise<FoldedChange[]> {
  const keys = new Map<string, FoldedChange>()
  for (const change of changes) if (change.isBecomingSensitive) keys.set(keyOf(change.executionId, change.name), change)
  const names = JSON.stringify([...keys.values()].map(({ executionId, name }) => ({ execution_id: executionId, name })))
  await redactHistory(tx, names, keyRing)
  await redactVariables(tx, names, keyRing)
  return redactWritten(changes, keyRing)
}

/** Changes of this batch that came before the one that made their variable sensitive. */
function redactWritten(changes: readonly FoldedChange[], keyRing: KeyRing): FoldedChange[] {
  const hidden = new Set<string>()
  return changes
    .toReversed()
    .map((change): FoldedChange => {
      const { executionId, name, revision, operation, value } = change
      const key = keyOf(executionId, name)
      if (change.isBecomingSensitive) hidden.add(key)
      if (change.sealed !== null || !hidden.has(key)) return change
      if (operation === 'delete') return { ...change, sealed: '' }
      return { ...change, value: MASK, sealed: keyRing.seal(value, variableLocation(executionId, name, revision)) }
    })
    .toReversed()
}

async function redactHistory(tx: Sql, names: string, keyRing: KeyRing): Promise<void> {
  for (;;) {
    const rows = await tx.rows<PlainRow>(
      `SELECT h.execution_id, h.var_name AS name, h.revision, h.seq, h.value::text AS value
       FROM json_to_recordset($1::json) AS k(execution_id bigint, name text)
       JOIN noetl.transient_history h ON h.execution_id = k.execution_id AND h.var_name = k.name AND h.sealed IS NULL
       LIMIT ${BATCH}`,
      names,
    )
    if (rows.length === 0) return
    await tx.run(
      `UPDATE noetl.transient_history h SET sealed = s.sealed,
         value = CASE WHEN h.value IS NULL THEN NULL ELSE to_jsonb('${MASK}'::text) END,
         previous_value = CASE WHEN h.previous_value IS NULL THEN NULL ELSE to_jsonb('${MASK}'::text) END
       FROM json_to_recordset($1::json) AS s(execution_id bigint, revision bigint, seq integer, sealed text)
       WHERE h.execution_id = s.execution_id AND h.revision = s.revision AND h.seq = s.seq`,
      sealedRows(rows, keyRing),
    )
  }
}

async function redactVariables(tx: Sql, names: string, keyRing: KeyRing): Promise<void> {
  const rows = await tx.rows<PlainRow>(
    `SELECT t.execution_id, t.var_name AS name, t.revision, 0 AS seq, t.var_value::text AS value
     FROM json_to_recordset($1::json) AS k(execution_id bigint, name text)
     JOIN noetl.transient t ON t.execution_id = k.execution_id AND t.var_name = k.name AND t.sealed IS NULL`,
    names,
  )
  if (rows.length === 0) return
  await tx.run(
    `UPDATE noetl.transient t SET sealed = s.sealed, var_value = to_jsonb('${MASK}'::text)
     FROM json_to_recordset($1::json) AS s(execution_id bigint, name text, sealed text)
     WHERE t.execution_id = s.execution_id AND t.var_name = s.name`,
    sealedRows(rows, keyRing),
  )
}

function sealedRows(rows: readonly PlainRow[], keyRing: KeyRing): string {
  return JSON.stringify(
    rows.map(({ execution_id: id, name, revision, seq, value }) => ({
      ...{ execution_id: String(id), name, revision: Number(revision), seq },
      sealed: value === null ? '' : keyRing.seal(parseJson(value), variableLocation(String(id), name, Number(revision))),
    })),
  )
}
