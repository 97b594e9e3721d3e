import { NotJsonError, toCheckedJson } from '../core/checked-json.js'
import { errorMessage } from '../core/errors.js'
import { isJsonObject, type JsonObject } from '../core/json.js'
import type { ToolOutcome } from '../tools/tool.js'
import type { Completion } from './tasks.js'

/**
 * What a worker reports of an attempt. A `run` is somebody else's program: what it gives that is not an outcome, or no JSON,
 * fails the attempt, with a message that says where.
 */
export function toCompletion(outcome: ToolOutcome, log: string): Completion {
  try {
    return { ...reportOf(outcome), log }
  } catch (error) {
    const reason = error instanceof NotJsonError ? `the result is not JSON: ${error.message}` : errorMessage(error)
    return { error: { code: 'TOOL_FAILED', message: reason }, log }
  }
}

function reportOf(outcome: ToolOutcome): Completion {
  const { status, data, error, extras } = partsOf(outcome)
  const more = extras === undefined ? {} : { extras: objectOf(extras, 'extras') }
  if (status === 'success') return { result: data === undefined ? null : toCheckedJson(data, 'result'), ...more }
  const code = error?.code as NonNullable<Completion['error']>['code']
  const message = typeof error?.message === 'string' ? error.message : errorMessage(error?.message)
  try {
    const said = error?.details === undefined ? {} : { details: objectOf(error.details, 'error.details') }
    return { error: { code, message, ...said, ...(data === undefined ? {} : { data: toCheckedJson(data, 'data') }) }, ...more }
  } catch (fault) {
    // Why the attempt failed matters more than what it leaves.
    return { error: { code, message: `${message} (what it leaves is not JSON: ${errorMessage(fault)})` }, ...more }
  }
}

interface Parts {
  readonly status: unknown
  readonly data?: unknown
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly details?: unknown }
  readonly extras?: unknown
}

/** @throws TypeError for what is not an outcome */
function partsOf(outcome: unknown): Parts {
  if (typeof outcome === 'object' && outcome !== null && 'status' in outcome) {
    const isError =
      outcome.status === 'error' && 'error' in outcome && typeof outcome.error === 'object' && outcome.error !== null
    if (outcome.status === 'success' || isError) return outcome as Parts
  }
  throw new TypeError(
    "the worker's `run` gave no outcome: it has to give {status: 'success', data} or {status: 'error', error: {code, message}}",
  )
}

function objectOf(value: unknown, name: string): JsonObject {
  const checked = toCheckedJson(value, name)
  if (isJsonObject(checked)) return checked
  throw new NotJsonError(name, 'is not an object')
}
