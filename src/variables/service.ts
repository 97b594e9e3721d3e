import type { ExecutionId } from '../core/ids.js'
import type { Page } from '../core/cursor.js'
import type { JsonValue } from '../core/json.js'
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

export interface PageRequest {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
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
}

export interface WatchRequest {
  readonly executionId: ExecutionId
  readonly names?: readonly string[] | null | undefined
  readonly types?: readonly VariableType[] | null | undefined
  /** Without it: from now. 0: from the first revision. */
  readonly afterRevision?: number | null | undefined
  readonly signal: AbortSignal
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

/**
 * Everything one may do with variables: the seven operations of the seeds' `TransientVars` (get_cached, set_cached,
 * get_all_vars, get_all_vars_with_metadata, set_multiple, delete_var, cleanup_execution), and what revisions add.
 * GraphQL, REST and the orchestrator use this one implementation.
 */
export interface VariablesService {
  /** One variable, counted as a read before it is returned (the first read says 1). */
  read(executionId: ExecutionId, name: string): Promise<VariableRecord | null>
  /** One variable, not counted. */
  find(executionId: ExecutionId, name: string): Promise<VariableRecord | null>
  /** All variables by `created_at` with the revision of the same snapshot; counts no read. */
  all(executionId: ExecutionId): Promise<{ readonly revision: number; readonly variables: VariableRecord[] }>
  /** One page with the revision to watch from, read in the same snapshot. */
  list(request: ListRequest): Promise<Page<VariableRecord> & { readonly revision: number }>
  /** Across executions. */
  search(filter: VariableFilter, page: PageRequest): Promise<Page<VariableRecord>>
  /** The change log in the order of revisions. */
  history(request: HistoryRequest): Promise<Page<ChangeRecord>>
  /** All variables as one object, as they were at a revision (default: now). */
  values(executionId: ExecutionId, asOf?: number | null): Promise<Record<string, JsonValue>>
  /** One change set, all or nothing, one revision. Creates the execution where it does not exist and the write sets something. */
  write(request: WriteRequest): Promise<WriteResult>
  /** Deletes all variables of an execution, as one change set. */
  deleteAll(executionId: ExecutionId, actor: string): Promise<{ readonly revision: number; readonly deletedCount: number }>
  /** The six guarantees of contract.md ("Watch"): pulls from the change log by revision; the bus only wakes. */
  watch(request: WatchRequest): AsyncGenerator<WatchEvent, void, undefined>
  /** Long-poll: the changes after a revision, as soon as there are any, or none at the end of `waitMs`. */
  poll(request: Omit<WatchRequest, 'afterRevision'> & { readonly afterRevision: number; readonly waitMs: number }): Promise<{
    readonly revision: number
    readonly changes: readonly ChangeRecord[]
  }>
}
