// By hand: each write locks and loads many keys in one round trip (decisions 17, 24).
import type { ExecutionId } from '../../core/ids.js'
import { jsonSize, parseJson } from '../../core/json.js'
import type { ExecutionStatus } from '../../core/status.js'
import type { Sql, Transaction } from '../../db/database.js'
import { isUniqueViolation } from '../../db/errors.js'
import { IS_DRIFTED, lockedExecutions } from '../../executions/store.js'
import { sealedSize } from '../../sealing/key-ring.js'
import type { VariableRecord } from '../record.js'
import { isVariable, toVariable, VARIABLE_COLUMNS, type VariableRow } from '../store.js'
import { SERVER, TRANSACTION } from './change-store.js'
import type { LockedExecution } from './draft.js'

const NONE: ReadonlySet<string> = new Set()

interface LockedRow {
  readonly id: bigint
  readonly status: ExecutionStatus
  readonly revision: bigint
  readonly event_seq: bigint
  readonly variable_count: number
  readonly variable_bytes: bigint
  readonly history_count: bigint
  readonly sensitive: string | null
  readonly written_by: string
  readonly server: string
  readonly transaction: string
  readonly is_drifted: boolean
}

const LOCKED_COLUMNS = `id, status, revision, event_seq, variable_count, variable_bytes, history_count, sensitive::text AS sensitive,
  xmin::text AS written_by, ${SERVER} AS server, ${TRANSACTION} AS transaction, ${IS_DRIFTED}`

export interface VariableKey {
  readonly executionId: ExecutionId
  readonly name: string
}

/** Locks executions in the order of their ids; unless `isAlone`, those that others have locked are left out. */
export async function lockCounters(tx: Sql, ids: readonly ExecutionId[], isAlone: boolean): Promise<LockedExecution[]> {
  const rows = await tx.rows<LockedRow>(lockedExecutions(LOCKED_COLUMNS, isAlone), ids)
  return rows.map((row) => ({
    id: String(row.id),
    status: row.status,
    revision: Number(row.revision),
    eventSeq: Number(row.event_seq),
    variableCount: row.variable_count,
    variableBytes: Number(row.variable_bytes),
    historyCount: Number(row.history_count),
    declared: row.sensitive === null ? NONE : new Set(parseJson(row.sensitive) as string[]),
    known: { writtenBy: row.written_by, seq: Number(row.event_seq), count: row.variable_count, server: row.server },
    transaction: row.transaction,
    isDrifted: row.is_drifted,
  }))
}

/** Executions that begin with a write. Answers those that did not exist. */
export async function createExecutions(tx: Sql, ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
  const rows = await tx.rows<{ readonly id: bigint }>(
    `INSERT INTO transient.execution (id, status) SELECT id, 'running' FROM unnest($1::bigint[]) AS n(id) ORDER BY id
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    ids,
  )
  return rows.map((row) => String(row.id))
}

/** Takes back executions that this transaction created, and that no write succeeded in. */
export function removeExecutions(tx: Transaction, ids: readonly ExecutionId[]): void {
  tx.send('DELETE FROM transient.execution WHERE id = ANY($1::bigint[])', ids)
}

export interface Stored {
  readonly variables: readonly VariableRecord[]
  /** The versions at which those that are not there were deleted. */
  readonly tombstones: readonly (VariableKey & { readonly version: number })[]
  /** Executions of which somebody has a variable locked: there is no saying what it will be. */
  readonly busy: ReadonlySet<ExecutionId>
}

interface StoredRow extends VariableRow {
  readonly key_execution: bigint
  readonly key_name: string
  readonly deleted_at: number | null
  readonly is_busy: boolean
}

/**
 * Locks and loads variables of those executions that this transaction has locked: whoever writes them by plain SQL waits, or is waited for, and
 * no counted read slips in between. In the order of the keys, so that two transactions never wait for each other. Unless `isAlone`, what
 * others have locked is left out, and said. The executions are locked again, which costs nothing, because the statement that did so may travel
 * in the same packet, and it is not known yet which of them it got.
 */
const loadText = (isAlone: boolean) => `
WITH mine AS (
  SELECT n.id FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) AS n(id)) n
  CROSS JOIN LATERAL (SELECT FROM transient.execution WHERE id = n.id FOR NO KEY UPDATE SKIP LOCKED) e
)
SELECT t.*, k.execution_id AS key_execution, k.name AS key_name, d.version AS deleted_at,
  ${isAlone ? 'false' : 't.version IS NULL AND EXISTS (SELECT FROM noetl.transient o WHERE o.execution_id = k.execution_id AND o.var_name = k.name)'} AS is_busy
FROM (
  SELECT k.execution_id, k.name FROM unnest($1::bigint[], $2::text[]) AS k(execution_id, name)
  JOIN mine ON mine.id = k.execution_id ORDER BY k.execution_id, k.name
) k
LEFT JOIN LATERAL (
  SELECT ${VARIABLE_COLUMNS} FROM noetl.transient t WHERE ${isVariable('k.execution_id', 'k.name')} FOR NO KEY UPDATE ${isAlone ? '' : 'SKIP LOCKED'}
) t ON true
LEFT JOIN LATERAL (
  SELECT d.version FROM transient.tombstone d
  WHERE t.version IS NULL AND d.execution_id = k.execution_id AND d.var_name = k.name LIMIT 1
) d ON true`

const LOAD = loadText(false)
const LOAD_ALONE = loadText(true)

/** Locks and loads variables of executions that this transaction has locked. */
export async function lockVariablesOf(tx: Sql, keys: readonly VariableKey[], isAlone: boolean): Promise<Stored> {
  if (keys.length === 0) return { variables: [], tombstones: [], busy: new Set() }
  const rows = await tx.rows<StoredRow>(
    isAlone ? LOAD_ALONE : LOAD,
    keys.map((key) => key.executionId),
    keys.map((key) => key.name),
  )
  return {
    variables: rows.filter((row) => row.version !== null).map(toVariable),
    tombstones: rows.flatMap(({ key_execution, key_name, deleted_at }) =>
      deleted_at === null ? [] : [{ executionId: String(key_execution), name: key_name, version: deleted_at }],
    ),
    busy: new Set(rows.filter((row) => row.is_busy).map((row) => String(row.key_execution))),
  }
}

/** What the variables of executions really are together: after rows were inserted or deleted by SQL. */
export async function countVariables(
  tx: Sql,
  ids: readonly ExecutionId[],
): Promise<Map<ExecutionId, { readonly variableCount: number; readonly variableBytes: number }>> {
  const totals = new Map(ids.map((id) => [id, { variableCount: 0, variableBytes: 0 }]))
  const rows = await tx.rows<Pick<VariableRow, 'execution_id' | 'value' | 'sealed'>>(
    `SELECT t.execution_id, t.sealed, CASE WHEN t.sealed IS NULL THEN t.var_value::text END AS value
     FROM noetl.transient t WHERE t.execution_id = ANY($1::bigint[])`,
    ids,
  )
  for (const { execution_id, value, sealed } of rows) {
    const total = totals.get(String(execution_id))
    if (total === undefined) continue
    total.variableCount += 1
    total.variableBytes += sealed === null ? jsonSize(parseJson(value)) : sealedSize(sealed)
  }
  return totals
}

/** Whether somebody has inserted, by SQL, a row that was not there when it was looked for: then all is loaded and done anew. */
export function isInsertedMeanwhile(error: unknown): boolean {
  return isUniqueViolation(error)
}
