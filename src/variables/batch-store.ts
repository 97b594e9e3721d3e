import type { ExecutionId } from '../core/ids.js'
import { parseJson } from '../core/json.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionCounters } from './change-store.js'
import type { VariableRecord } from './record.js'
import { toVariable, VARIABLE_COLUMNS, type VariableRow } from './store.js'

/** What a batch needs of an execution's row; its workload may be large, and is left where it is. */
export interface LockedExecution extends ExecutionCounters {
  readonly status: ExecutionStatus
  /** Names that its playbook declares sensitive. */
  readonly declared: ReadonlySet<string>
}

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
}

export interface VariableKey {
  readonly executionId: ExecutionId
  readonly name: string
}

/** Locks executions in the order of their ids; without `isPatient` those that others hold are left out. */
export async function lockCounters(tx: Sql, ids: readonly ExecutionId[], isPatient: boolean): Promise<LockedExecution[]> {
  const rows = await tx.rows<LockedRow>(
    `SELECT id, status, revision, event_seq, variable_count, variable_bytes, history_count, sensitive::text AS sensitive
     FROM transient.execution
     WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE ${isPatient ? '' : 'SKIP LOCKED'}`,
    ids,
  )
  return rows.map((row) => ({
    id: String(row.id),
    status: row.status,
    revision: Number(row.revision),
    eventSeq: Number(row.event_seq),
    variableCount: row.variable_count,
    variableBytes: Number(row.variable_bytes),
    historyCount: Number(row.history_count),
    declared: row.sensitive === null ? NONE : new Set(parseJson(row.sensitive) as string[]),
  }))
}

/** Executions born by a write. Answers those that did not exist. */
export async function createExecutions(tx: Sql, ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
  const rows = await tx.rows<{ readonly id: bigint }>(
    `INSERT INTO transient.execution (id, status) SELECT id, 'running' FROM unnest($1::bigint[]) AS n(id) ORDER BY id
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    ids,
  )
  return rows.map((row) => String(row.id))
}

/** Takes back executions that this transaction created, and that no write succeeded in. */
export async function removeExecutions(tx: Sql, ids: readonly ExecutionId[]): Promise<void> {
  await tx.run('DELETE FROM transient.execution WHERE id = ANY($1::bigint[])', ids)
}

function keysParameter(keys: readonly VariableKey[]): string {
  return JSON.stringify(keys.map(({ executionId, name }) => ({ execution_id: executionId, name })))
}

/** The variables with these keys, locked in key order. */
export async function lockVariablesOf(tx: Sql, keys: readonly VariableKey[]): Promise<VariableRecord[]> {
  const rows = await tx.rows<VariableRow>(
    `SELECT ${VARIABLE_COLUMNS} FROM json_to_recordset($1::json) AS k(execution_id bigint, name text)
     JOIN noetl.transient t ON t.execution_id = k.execution_id AND t.var_name = k.name
     ORDER BY t.execution_id, t.var_name FOR NO KEY UPDATE OF t`,
    keysParameter(keys),
  )
  return rows.map(toVariable)
}

/** The versions at which variables with these keys were deleted. */
export async function findTombstonesOf(
  tx: Sql,
  keys: readonly VariableKey[],
): Promise<(VariableKey & { readonly version: number })[]> {
  if (keys.length === 0) return []
  const rows = await tx.rows<{ readonly execution_id: bigint; readonly var_name: string; readonly version: number }>(
    `SELECT d.execution_id, d.var_name, d.version FROM json_to_recordset($1::json) AS k(execution_id bigint, name text)
     JOIN transient.tombstone d ON d.execution_id = k.execution_id AND d.var_name = k.name`,
    keysParameter(keys),
  )
  return rows.map((row) => ({ executionId: String(row.execution_id), name: row.var_name, version: row.version }))
}
