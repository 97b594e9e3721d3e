import type { JsonObject } from './json.js'

interface ErrorRow {
  /** HTTP status; null for codes that only occur in an execution's error. */
  readonly status: number | null
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean
  readonly title: string
}

/** The one table of errors, for GraphQL and REST. */
export const ERRORS = {
  BAD_REQUEST: { status: 400, isRetryable: false, title: 'Bad request' },
  UNAUTHENTICATED: { status: 401, isRetryable: false, title: 'Unauthenticated' },
  FORBIDDEN: { status: 403, isRetryable: false, title: 'Forbidden' },
  NOT_FOUND: { status: 404, isRetryable: false, title: 'Not found' },
  CONFLICT: { status: 409, isRetryable: false, title: 'Conflict' },
  EXECUTION_FINISHED: { status: 409, isRetryable: false, title: 'Execution finished' },
  REVISION_GONE: { status: 410, isRetryable: false, title: 'Revision gone' },
  TOO_LARGE: { status: 413, isRetryable: false, title: 'Too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, isRetryable: false, title: 'Unsupported media type' },
  VALIDATION: { status: 422, isRetryable: false, title: 'Validation failed' },
  SCHEMA: { status: 422, isRetryable: false, title: 'Does not fit its schema' },
  COMPUTED_FAILED: { status: 422, isRetryable: false, title: 'A computed variable failed' },
  PLAYBOOK_INVALID: { status: 422, isRetryable: false, title: 'Playbook invalid' },
  RATE_LIMITED: { status: 429, isRetryable: true, title: 'Rate limited' },
  INTERNAL: { status: 500, isRetryable: true, title: 'Internal error' },
  OVERLOADED: { status: 503, isRetryable: true, title: 'Overloaded' },
  TEMPLATE_UNDEFINED: { status: null, isRetryable: false, title: 'Undefined in a template' },
  TEMPLATE_ERROR: { status: null, isRetryable: false, title: 'Template error' },
  TEMPLATE_FORBIDDEN: { status: null, isRetryable: false, title: 'Forbidden in a template' },
  STEP_LIMIT: { status: null, isRetryable: false, title: 'Step limit' },
  TOOL_FAILED: { status: null, isRetryable: false, title: 'Tool failed' },
  TIMEOUT: { status: null, isRetryable: false, title: 'Timeout' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorOptions {
  /** Further fields that both APIs show beside the code (`oldestRevision`, `problems`, `field`, ...). camelCase. */
  readonly details?: JsonObject
  readonly cause?: unknown
}

/** The only error that reaches a client as it is; anything else becomes INTERNAL with an id for the log. */
export class TransientError extends Error {
  readonly code: ErrorCode
  readonly details: JsonObject

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TransientError'
    this.code = code
    this.details = options.details ?? {}
  }

  get status(): number {
    return ERRORS[this.code].status ?? 500
  }
}

/** The connection was lost after a commit was sent and before its result came: the transaction may have been committed. */
export class UndecidedCommit extends TransientError {
  constructor(cause: unknown) {
    super('OVERLOADED', 'the database did not answer whether this was stored; look, then try again', { cause })
  }
}

/** Whether what failed so may have happened anyway, and must not be repeated blindly. */
export function isUndecided(error: unknown): boolean {
  return error instanceof UndecidedCommit
}

export function isTransientError(error: unknown): error is TransientError {
  return error instanceof TransientError
}

/** The message of anything that was thrown; never nothing, and never `[object Object]`. */
export function errorMessage(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  if (error instanceof AggregateError && error.message === '') return error.errors.map(errorMessage).join('; ')
  const { message, name, code, errno } = error as Readonly<Record<string, unknown>>
  if (typeof message === 'string' && message !== '') return message
  const parts = [name, code ?? errno].filter((part) => typeof part === 'string' || typeof part === 'number')
  return parts.length > 0 ? parts.join(' ') : 'an error without a message'
}
