import { checkListed, MAX_VARIABLE_FILTERS, type StringFilter, type VariableFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import type { ExecutionStatus } from '../core/status.js'

/** Which executions; all that is given must hold. */
export interface ExecutionFilter {
  readonly status?: readonly ExecutionStatus[] | null | undefined
  readonly path?: StringFilter | null | undefined
  readonly startedAfter?: Date | null | undefined
  readonly startedBefore?: Date | null | undefined
  readonly finishedAfter?: Date | null | undefined
  readonly finishedBefore?: Date | null | undefined
  /** Executions that have all of these variables. */
  readonly variables?: readonly VariableFilter[] | null | undefined
  readonly parentId?: ExecutionId | null | undefined
}

/** @throws TransientError VALIDATION when a list in it is too long */
export function checkExecutionFilter(filter: ExecutionFilter | null): void {
  checkListed(filter?.status, 'filter.status')
  checkListed(filter?.variables, 'filter.variables', MAX_VARIABLE_FILTERS)
}
