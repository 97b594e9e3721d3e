import type { ChangeRecord } from '../commit/record.js'
import type { PageRequest } from '../core/cursor.js'
import type { VariableFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import type { VariableType } from '../core/status.js'

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
