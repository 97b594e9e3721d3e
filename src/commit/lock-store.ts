// By hand: each transaction locks and loads many keys in one round trip (decisions 17, 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, jsonSize, parseJson, stringifyJson } from '../core/json.js'
import type { Sql, Transaction } from '../db/database.js'
import { isUniqueViolation } from '../db/errors.js'
import {
  EXECUTION_COLUMNS,
  type ExecutionRow,
  IS_DRIFTED,
  lockedExecutions,
  STATE_COLUMNS,
  toExecution,
} from '../executions/store.js'
import { sealedSize } from '../sealing/key-ring.js'
import type { LockedExecution } from './draft.js'
import { isVariable, toVariable, VARIABLE_COLUMNS, type VariableRecord, type VariableRow } from './record.js'
import { SERVER, TRANSACTION } from './variables-store.js'

interface LockedRow extends ExecutionRow {
  readonly written_by: string
  readonly server: string
  readonly transaction: string
  readonly is_drifted: boolean
}

const KNOWN = `xmin::text AS written_by, ${SERVER} AS server, ${TRANSACTION} AS transaction, ${IS_DRIFTED}`

export interface Locking {
  /** Those that others have locked are waited for; else they are left out. */
  readonly isAlone: boolean
  /** Also what never changes after the start, which may be large. */
  readonly isWhole: boolean
}

/** Locks executions in the order of their ids. */
export async function lockExecutions(
  tx: Sql,
  ids: readonly ExecutionId[],
  { isAlone, isWhole }: Locking,
): Promise<(LockedExecution & { readonly isDrifted: boolean })[]> {
  if (ids.length === 0) return []
  const columns = `${isWhole ? EXECUTION_COLUMNS : STATE_COLUMNS}, ${KNOWN}`
  const rows = await tx.rows<LockedRow>(lockedExecutions(columns, isAlone), ids)
  return rows.map((row) => {
    const execution = toExecution(row)
    const { eventSeq: seq, variableCount: count } = execution
    const known = { writtenBy: row.written_by, seq, count, server: row.server }
    return { execution, known, transaction: row.transaction, isDrifted: row.is_drifted }
  })
}

export interface VariableKey {
  readonly executionId: ExecutionId
  readonly name: string
}

/** Executions and spaces that begin with a write, by their ids with the spaces' names, which of executions are empty. Answers those that did not exist. */
export async function createExecutions(tx: Sql, spaces: ReadonlyMap<ExecutionId, string>): Promise<ExecutionId[]> {
  const rows = await tx.rows<{ readonly id: bigint }>(
    `INSERT INTO transient.execution (id, status, space)
     SELECT id, 'running', NULLIF(space, '') FROM unnest($1::bigint[], $2::text[]) AS n(id, space) ORDER BY id
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    [...spaces.keys()],
    [...spaces.values()],
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
export async function lockVariables(tx: Sql, keys: readonly VariableKey[], isAlone: boolean): Promise<Stored> {
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

/** All variables of a locked execution. The rows are locked too, in key order, so that nobody slips in between what is read and the write. */
export async function lockAllVariables(tx: Sql, executionId: ExecutionId): Promise<VariableRecord[]> {
  const rows = await tx.rows<VariableRow>(
    `SELECT ${VARIABLE_COLUMNS} FROM noetl.transient t WHERE t.execution_id = $1::bigint ORDER BY t.var_name FOR NO KEY UPDATE`,
    executionId,
  )
  return rows.map(toVariable)
}

/** What templates read of a variable; of a sensitive one the mask, and what it hides. */
export type LoadedValue = Pick<VariableRecord, 'executionId' | 'name' | 'value' | 'sealed' | 'revision'>

interface ValueRow {
  readonly execution_id: bigint
  readonly name: string
  readonly value: string
  readonly sealed: string | null
  readonly revision: bigint
}

const VALUE_COLUMNS = 't.execution_id, t.var_name AS name, t.var_value::text AS value, t.sealed, t.revision'

function toValue({ execution_id, name, value, sealed, revision }: ValueRow): LoadedValue {
  return { executionId: String(execution_id), name, value: parseJson(value), sealed, revision: Number(revision) }
}

/** The current values of all variables of an execution. */
export async function loadAllValues(sql: Sql, executionId: ExecutionId): Promise<LoadedValue[]> {
  const rows = await sql.rows<ValueRow>(
    `SELECT ${VALUE_COLUMNS} FROM noetl.transient t WHERE t.execution_id = $1::bigint`,
    executionId,
  )
  return rows.map(toValue)
}

/** The values of these variables of many executions. */
export async function loadValues(sql: Sql, keys: readonly VariableKey[]): Promise<LoadedValue[]> {
  if (keys.length === 0) return []
  const rows = await sql.rows<ValueRow>(
    `SELECT ${VALUE_COLUMNS}
     FROM json_to_recordset($1::json) AS k (execution_id bigint, name text)
     JOIN noetl.transient t ON t.execution_id = k.execution_id AND t.var_name = k.name`,
    JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name }))),
  )
  return rows.map(toValue)
}

/** An execution that starts with an idempotency key. */
export interface KeyClaim {
  readonly key: string
  readonly executionId: ExecutionId
  readonly path: string
  readonly version: number | null
  /** Empty where it is sealed. */
  readonly payload: JsonObject
  readonly sealed: string | null
}

/** false when another execution has the key. */
export async function claimIdempotencyKey(tx: Sql, start: KeyClaim): Promise<boolean> {
  const count = await tx.run(
    `INSERT INTO transient.idempotency (key, execution_id, path, version, workload, sealed)
     VALUES ($1, $2::bigint, $3, $4::integer, $5::jsonb, $6::text) ON CONFLICT (key) DO NOTHING`,
    start.key,
    start.executionId,
    start.path,
    start.version,
    stringifyJson(start.payload),
    start.sealed,
  )
  return count === 1
}
