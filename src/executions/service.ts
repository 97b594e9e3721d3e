import type { Page } from '../core/cursor.js'
import type { StringFilter, VariableFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import type { ExecutionStatus } from '../core/status.js'
import type { ExecutionRecord, StepRunRecord } from './record.js'

export interface ExecutionFilter {
  readonly status?: readonly ExecutionStatus[] | null | undefined
  readonly path?: StringFilter | null | undefined
  readonly startedAfter?: Date | null | undefined
  readonly startedBefore?: Date | null | undefined
  /** Executions that have all of these variables. */
  readonly variables?: readonly VariableFilter[] | null | undefined
  readonly parentId?: ExecutionId | null | undefined
}

export interface PageRequest {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Reads of executions; the orchestrator starts, cancels and reruns them. */
export interface ExecutionsService {
  find(id: ExecutionId): Promise<ExecutionRecord | null>
  /** @throws TransientError NOT_FOUND */
  get(id: ExecutionId): Promise<ExecutionRecord>
  /** Newest first. */
  list(filter: ExecutionFilter | null, page: PageRequest): Promise<Page<ExecutionRecord>>
  /** Every visit of every step, in order. */
  steps(id: ExecutionId, page: PageRequest): Promise<Page<StepRunRecord>>
  /** The iterations of one visit, by index. */
  iterations(id: ExecutionId, run: number, page: PageRequest): Promise<Page<StepRunRecord>>
  /** The current state first, then the newest after every event, coalesced for a slow reader. Ends when the execution has. */
  watch(id: ExecutionId, signal: AbortSignal): AsyncGenerator<ExecutionRecord, void, undefined>
  /** The same over all executions that match: their current state first, newest last, then each that changes. */
  watchAll(filter: ExecutionFilter | null, signal: AbortSignal): AsyncGenerator<ExecutionRecord, void, undefined>
}
