import { isJsonObject, type JsonValue, stringifyJson } from '../../core/json.js'
import { failed } from '../outcome.js'
import type { ToolOutcome } from '../tool.js'

/**
 * What `main` returned, as an outcome: an object with `status: "error"` and a `data` or `error` key fails the step,
 * `error` becoming its message; with `status` and `data` otherwise `data` is taken; anything else is the value as it is.
 */
export function unwrapResult(value: JsonValue): ToolOutcome {
  if (!isJsonObject(value) || !Object.hasOwn(value, 'status')) return { status: 'success', data: value }
  const hasData = Object.hasOwn(value, 'data')
  const data = value.data ?? null
  if (value.status === 'error' && (hasData || Object.hasOwn(value, 'error'))) {
    return failed('TOOL_FAILED', errorText(value.error ?? null), { data })
  }
  return { status: 'success', data: hasData ? data : value }
}

function errorText(error: JsonValue): string {
  if (typeof error === 'string' && error !== '') return error
  if (isJsonObject(error) && typeof error.message === 'string') return error.message
  return error === null || error === '' ? 'the code returned status "error"' : stringifyJson(error)
}
