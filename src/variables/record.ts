import type { ExecutionId } from '../core/ids.js'
import type { JsonValue } from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'

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
