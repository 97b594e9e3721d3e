import type { ExecutionId } from './ids.js'
import type { JsonValue } from './json.js'
import type { VariableType } from './status.js'

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
