import type { PageRequest } from '../core/cursor.js'
import type { ExecutionId } from '../core/ids.js'
import type { VariableType } from '../core/status.js'
import type { VariableFilter } from './filter.js'
import type { ChangeRecord, VariableRecord, VariableWrite } from './record.js'

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

export interface ListRequest extends PageRequest {
  readonly executionId: ExecutionId
  readonly filter?: VariableFilter | null | undefined
  /** Reads the past. REVISION_GONE below the retained history, VALIDATION beyond the present. */
  readonly asOf?: number | null | undefined
}

export interface HistoryRequest extends PageRequest {
  readonly executionId: ExecutionId
  readonly name?: string | null | undefined
  /** Against the order of revisions. */
  readonly newestFirst?: boolean | null | undefined
}

export interface WatchRequest {
  readonly executionId: ExecutionId
  readonly names?: readonly string[] | null | undefined
  readonly types?: readonly VariableType[] | null | undefined
  /** Without it: from now. 0: from the first revision. */
  readonly afterRevision?: number | null | undefined
  readonly signal: AbortSignal
}

export interface PollRequest extends Omit<WatchRequest, 'afterRevision'> {
  readonly afterRevision: number
  readonly waitMs: number
}

export interface WatchEvent {
  readonly kind: 'subscribed' | 'changed' | 'bookmark'
  readonly executionId: ExecutionId
  readonly revision: number
  /** All changes of this revision; empty unless `changed`. */
  readonly changes: readonly ChangeRecord[]
}

export interface WriteRequest {
  readonly executionId: ExecutionId
  readonly writes: readonly VariableWrite[]
  /** `api:<key name>`, `step:<name>` or `system`. */
  readonly actor: string
}
