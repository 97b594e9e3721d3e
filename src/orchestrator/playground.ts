import type { ErrorCode } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject, JsonValue } from '../core/json.js'

export interface RenderRequest {
  readonly template: string
  /** Names that the template may read. With an execution they come before its own. */
  readonly context: JsonObject
  readonly executionId: ExecutionId | null
  readonly asOf: number | null
}

export interface RenderError {
  readonly code: ErrorCode
  readonly message: string
  readonly line: number | null
  readonly column: number | null
}

export interface RenderResult {
  /** null also when it failed. */
  readonly value: JsonValue
  readonly error: RenderError | null
}

/** The expression playground: the same engine and the same locks as a playbook's templates. */
export interface Playground {
  /** @throws TransientError NOT_FOUND, VALIDATION, REVISION_GONE; a template's own error is in the result */
  render(request: RenderRequest): Promise<RenderResult>
}
