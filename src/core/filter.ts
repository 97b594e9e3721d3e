import { TransientError } from './errors.js'
import type { ExecutionId } from './ids.js'
import type { JsonValue } from './json.js'
import type { VariableType } from './status.js'

/** Items of a list in a filter: as many as the largest page. */
export const MAX_LISTED = 250
/** Conditions on variables in one filter over executions. */
export const MAX_VARIABLE_FILTERS = 20

/**
 * Every list in an input has an end, so that what a request may cost does, too.
 * @throws TransientError VALIDATION for a list that is longer
 */
export function checkListed(list: readonly unknown[] | null | undefined, field: string, max = MAX_LISTED): void {
  if (!list || list.length <= max) return
  throw new TransientError('VALIDATION', `${field}: has ${list.length} items, at most ${max} are possible`, {
    details: { field, limit: max, size: list.length },
  })
}

export interface StringFilter {
  readonly eq?: string | null | undefined
  readonly in?: readonly string[] | null | undefined
  readonly startsWith?: string | null | undefined
  readonly contains?: string | null | undefined
}

/** `path` is a JSON pointer; '' is the value itself. A key that is absent does not filter; `eq: null` filters for JSON null. */
export interface JsonFilter {
  readonly path?: string | null | undefined
  readonly eq?: JsonValue | undefined
  readonly gt?: JsonValue | undefined
  readonly gte?: JsonValue | undefined
  readonly lt?: JsonValue | undefined
  readonly lte?: JsonValue | undefined
  readonly contains?: JsonValue | undefined
  readonly exists?: boolean | null | undefined
}

/** All that is given must hold. */
export interface VariableFilter {
  readonly name?: StringFilter | null | undefined
  readonly type?: readonly VariableType[] | null | undefined
  readonly sourceStep?: StringFilter | null | undefined
  readonly value?: JsonFilter | null | undefined
  readonly executionId?: ExecutionId | null | undefined
}
