// By hand: each write locks and loads many keys in one round trip (decisions 17, 24).
import type { ExecutionId } from '../../core/ids.js'
import { parseJson } from '../../core/json.js'
import type { ExecutionStatus } from '../../core/status.js'
import type { Sql, Transaction } from '../../db/database.js'
import { lockedExecutions } from '../../executions/store.js'
import type { VariableRecord } from '../record.js'
import { isVariable, toVariable, VARIABLE_COLUMNS, type VariableRow } from '../store.js'
import { type ExecutionCounters, TRANSACTION } from './change-store.js'

/** What a batch needs of an execution's row; its workload may be large, and is left where it is. */
export interface LockedExecution extends ExecutionCounters {
  readonly status: ExecutionStatus
  /** Names that its playbook declares sensitive. */
  readonly declared: ReadonlySet<string>
  /** The id of the transaction that holds it now. */
  readonly transaction: string
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
  readonly written_by: string
  readonly transaction: string
}

const LOCKED_COLUMNS = `id, status, revision, event_seq, variable_count, variable_bytes, history_count, sensitive::text AS sensitive,
  xmin::text AS written_by, ${TRANSACTION} AS transaction`

export interface VariableKey {
  readonly executionId: ExecutionId
  readonly name: string
}

/** Locks executions in the order of their ids; without `isPatient` those that others hold are left out. */
export async function lockCounters(tx: Sql, ids: readonly ExecutionId[], isPatient: boolean): Promise<LockedExecution[]> {
  const rows = await tx.rows<LockedRow>(lockedExecutions(LOCKED_COLUMNS, isPatient), ids)
  return rows.map((row) => ({
    id: String(row.id),
    status: row.status,
    revision: Number(row.revision),
    eventSeq: Number(row.event_seq),
    variableCount: row.variable_count,
    variableBytes: Number(row.variable_bytes),
    historyCount: Number(row.history_count),
    declared: row.sensitive === null ? NONE : new Set(parseJson(row.sensitive) as string[]),
    writtenBy: row.written_by,
    knownSeq: Number(row.event_seq),
    transaction: row.transaction,
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
export function removeExecutions(tx: Transaction, ids: readonly ExecutionId[]): void {
  tx.send('DELETE FROM transient.execution WHERE id = ANY($1::bigint[])', ids)
}

export interface Stored {
  readonly variables: readonly VariableRecord[]
  /** The versions at which those that are not there were deleted. */
  readonly tombstones: readonly (VariableKey & { readonly version: number })[]
}

interface StoredRow extends VariableRow {
  readonly key_execution: bigint
  readonly key_name: string
  readonly buried: number | null
}

/**
 * What there is of variables whose executions are locked: nobody else changes them, but reads may still be counted.
 */
export async function loadVariablesOf(tx: Sql, keys: readonly VariableKey[]): Promise<Stored> {
  if (keys.length === 0) return { variables: [], tombstones: [] }
  const rows = await tx.rows<StoredRow>(
    `SELECT t.*, k.execution_id AS key_execution, k.name AS key_name, d.version AS buried
     FROM unnest($1::bigint[], $2::text[]) AS k(execution_id, name)
     LEFT JOIN LATERAL (
       SELECT ${VARIABLE_COLUMNS} FROM noetl.transient t WHERE ${isVariable('k.execution_id', 'k.name')}
     ) t ON true
     LEFT JOIN LATERAL (
       SELECT d.version FROM transient.tombstone d
       WHERE t.version IS NULL AND d.execution_id = k.execution_id AND d.var_name = k.name LIMIT 1
     ) d ON true
     WHERE t.version IS NOT NULL OR d.version IS NOT NULL`,
    keys.map((key) => key.executionId),
    keys.map((key) => key.name),
  )
  return {
    variables: rows.filter((row) => row.buried === null).map(toVariable),
    tombstones: rows.flatMap(({ key_execution, key_name, buried }) =>
      buried === null ? [] : [{ executionId: String(key_execution), name: key_name, version: buried }],
    ),
  }
}
