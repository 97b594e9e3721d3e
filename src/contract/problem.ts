import { z } from 'zod'
import { ERRORS, type ErrorCode, TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { camelCase, snakeCase } from '../core/text.js'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** RFC 9457, with the code of the error table and its details beside it. */
export const problemBody = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  detail: z.string(),
})

/** A client's own data: their keys stay as they are. */
const OPAQUE_KEYS = new Set(['value', 'currentValue', 'previousValue', 'workload'])

function renameKeys(value: JsonValue, rename: (key: string) => string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => renameKeys(item, rename))
  if (!isJsonObject(value)) return value
  const entries = Object.entries(value).map(([key, item]) => [
    rename(key),
    OPAQUE_KEYS.has(key) ? item : renameKeys(item, rename),
  ])
  return Object.fromEntries(entries) as JsonObject
}

/** The body of REST's response to an error; the keys of its details in snake_case. */
export function toProblem(error: TransientError, status: number = error.status): JsonObject {
  const details = renameKeys(error.details, snakeCase)
  return {
    ...(details as JsonObject),
    type: `urn:transient:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: ERRORS[error.code].title,
    status,
    code: error.code,
    detail: error.message,
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** The error that a problem body describes; for a client. Anything but a problem becomes INTERNAL with the status. */
export function fromProblem(body: JsonValue, status: number): TransientError {
  const problem = problemBody.safeParse(body)
  if (!problem.success || !isErrorCode(problem.data.code)) {
    return new TransientError('INTERNAL', `the server answered with status ${status} and no problem that this client knows`)
  }
  const { type: _type, title: _title, status: _status, code, detail, ...rest } = problem.data
  const details = renameKeys(rest as JsonObject, camelCase)
  return new TransientError(code as ErrorCode, detail, { details: details as JsonObject })
}
