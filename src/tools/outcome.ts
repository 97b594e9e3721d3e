import type { ErrorCode } from '../core/errors.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import type { ToolOutcome } from './tool.js'

/** The largest response of an http or postgres call. */
export const ANSWER_LIMIT = 10 * 1024 * 1024

/** The most rows of a postgres call's result. */
export const ROW_LIMIT = 100_000

interface FailureParts {
  readonly data?: JsonValue
  readonly extras?: JsonObject
  readonly details?: JsonObject
}

/** An outcome that says why the tool failed. */
export function failed(code: ErrorCode, message: string, { details, ...parts }: FailureParts = {}): ToolOutcome {
  return { status: 'error', error: { code, message, ...(details ? { details } : {}) }, ...parts }
}
