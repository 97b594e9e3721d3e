import type { ExecutionId } from '../core/ids.js'
import { type JsonValue, parseJson } from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'

/** One text for a variable of an execution, for maps. */
export function keyOf(executionId: ExecutionId, name: string): string {
  return `${executionId}/${name}`
}

/** One row of `noetl.transient`. */
export interface VariableRecord {
  readonly executionId: ExecutionId
  readonly name: string
  /** The mask where it is sensitive. */
  readonly value: JsonValue
  /** The sensitive value, encrypted; null where it is not sensitive. */
  readonly sealed: string | null
  readonly type: VariableType
  readonly sourceStep: string | null
  /** The execution's revision at which it last changed. */
  readonly revision: number
  /** Its own change counter from 1; goes on after delete and re-creation. */
  readonly version: number
  readonly accessCount: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly accessedAt: Date
  /** `past`: as it was set at `revision`; `revealed`: with its sensitive value. Left out: as it is, and as everybody sees it. */
  readonly view?: 'past' | 'revealed'
}

/** One row of `noetl.transient_history`. */
export interface ChangeRecord {
  readonly executionId: ExecutionId
  readonly revision: number
  readonly seq: number
  readonly name: string
  readonly operation: ChangeOperation
  /** null when deleted. */
  readonly value: JsonValue
  readonly previousValue: JsonValue
  /** As in the variable; of a deletion, which hides nothing, the empty text. */
  readonly sealed: string | null
  readonly type: VariableType
  readonly sourceStep: string | null
  /** The variable's version after this change. */
  readonly version: number
  /** `step:<name>`, `api:<key name>` or `system`. */
  readonly actor: string
  readonly changedAt: Date
}

/** All changes of one revision. */
export interface ChangeSetRecord {
  readonly revision: number
  readonly changes: readonly ChangeRecord[]
}

/** One write to one variable, inside a change set. */
export type VariableWrite =
  | {
      readonly operation: 'set'
      readonly name: string
      readonly value: JsonValue
      readonly type: VariableType
      /** Left out: as sensitive as it is. Once sensitive, it stays so until it is deleted. */
      readonly isSensitive?: boolean | undefined
      readonly sourceStep: string | null
      readonly expectedVersion?: number | undefined
    }
  | {
      readonly operation: 'increment'
      readonly name: string
      /** Decimal text. */
      readonly by: string
      readonly sourceStep: string | null
    }
  | { readonly operation: 'delete'; readonly name: string; readonly expectedVersion?: number | undefined }

/** One change set: all of it is written, as one revision, or nothing. */
export interface WriteRequest {
  readonly executionId: ExecutionId
  readonly writes: readonly VariableWrite[]
  /** `api:<key name>`, `step:<name>` or `system`. */
  readonly actor: string
}

/** What every write answers: the execution's revision after it, and what became of each write, in order. */
export interface WriteResult {
  readonly revision: number
  readonly outcomes: readonly WriteOutcome[]
}

export interface WriteOutcome {
  readonly name: string
  /** The variable after the write; null after a delete. */
  readonly variable: VariableRecord | null
  /** false when nothing was written: value, type and source step were already so, or there was nothing to delete. */
  readonly isChanged: boolean
}

export interface VariableRow {
  readonly execution_id: bigint
  readonly var_name: string
  readonly var_type: VariableType
  readonly value: string
  readonly sealed: string | null
  readonly source_step: string | null
  readonly revision: bigint
  readonly version: number
  readonly access_count: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly accessed_at: Date
}

/** Of the alias `t`; the value as text, because Prisma's Json loses digits. */
export const VARIABLE_COLUMNS = `t.execution_id, t.var_name, t.var_type, t.var_value::text AS value, t.sealed, t.source_step, t.revision,
  t.version, t.access_count, t.created_at, t.updated_at, t.accessed_at`

/**
 * The condition for one row of the alias `t`, with its order and limit. Written so that only the primary key gives that order: with `=` the
 * planner may take the index on `execution_id` alone, while it knows nothing of the table, and read all variables of the execution.
 */
export function isVariable(executionId: string, name: string): string {
  return `t.execution_id = ${executionId} AND t.var_name >= ${name} AND t.var_name <= ${name} ORDER BY t.var_name LIMIT 1`
}

export function toVariable(row: VariableRow): VariableRecord {
  return {
    executionId: String(row.execution_id),
    name: row.var_name,
    value: parseJson(row.value),
    sealed: row.sealed,
    type: row.var_type,
    sourceStep: row.source_step,
    revision: Number(row.revision),
    version: row.version,
    accessCount: row.access_count,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    accessedAt: row.accessed_at,
  }
}
