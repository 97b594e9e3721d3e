import type { TransientError } from '../../core/errors.js'
import { type JsonValue, jsonSize } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import type { ExecutionError } from '../../executions/record.js'
import { attemptOf } from './context.js'
import { callOf } from './tool-turn.js'
import type { Outcome, Snapshot } from './types.js'

const MAX_RESULT_BYTES = 1024 * 1024
export const MAX_LIST_BYTES = 10 * 1024 * 1024

export function failure(error: Pick<TransientError, 'code' | 'message'>, data: JsonValue = null): Outcome {
  return { status: 'error', error: { code: error.code, message: storableText(error.message) }, data, extras: {} }
}

/** What the tool gave stays readable in `this` (status_code, stats, ...) when something after it fails the step. */
export function failedBy(outcome: Outcome, error: Pick<TransientError, 'code' | 'message'>): Outcome {
  const { data, extras, isSensitive } = outcome
  return { ...failure(error, data), extras, ...(isSensitive ? { isSensitive } : {}) }
}

/** Whether what came of the attempt is sensitive: its result, its error, and all that is taken from them. */
export function isSensitiveEnd({ run }: Pick<Snapshot, 'run'>, { isSensitive }: Outcome): boolean {
  return run.isSensitive || isSensitive === true
}

export function errorOf(snapshot: Pick<Snapshot, 'run' | 'task' | 'step'>, outcome: Outcome): ExecutionError | null {
  if (outcome.status === 'success') return null
  const { code, message } = outcome.error
  return { code, message, step: snapshot.step.name, attempt: attemptOf(snapshot) }
}

/** Results that are too large, or that a workbook task promised otherwise, are failures. */
export function checkOutcome(snapshot: Snapshot, outcome: Outcome): Outcome {
  const limit = snapshot.task.kind === 'join' ? MAX_LIST_BYTES : MAX_RESULT_BYTES
  const size = jsonSize(outcome.data)
  const name = snapshot.step.name
  if (size > limit) {
    const message = `step "${name}": the result has ${size} bytes, the limit is ${limit}`
    return failedBy({ ...outcome, data: null }, { code: 'TOOL_FAILED', message })
  }
  const call = callOf(snapshot)
  if (outcome.status === 'error' || call?.kind !== 'workbook' || snapshot.task.kind === 'join') return outcome
  const task = snapshot.playbook.workbook.find((entry) => entry.name === call.parameters['name'])
  const data = outcome.data
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data)
  const missing = (task?.returns ?? []).filter((key) => !isObject || !Object.hasOwn(data, key))
  if (missing.length === 0) return outcome
  const message = `step "${name}": the workbook task "${task?.name}" must return ${missing.join(', ')}, and did not`
  return failedBy(outcome, { code: 'TOOL_FAILED', message })
}

/** A result that does not fit the schema of its step is a failure, and goes no further. An iterator's result is its list. */
export function checkResult({ playbook, step, run }: Snapshot, outcome: Outcome): Outcome {
  const check = run.iteration === null && outcome.status === 'success' ? playbook.schema?.results.get(step.name) : undefined
  const [first, ...others] = check ? check(outcome.data) : []
  if (!first) return outcome
  const what = `step "${step.name}": the result does not fit its schema`
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  const where = first.path === '' ? '' : `${first.path} `
  const message = isSensitiveEnd({ run }, outcome) ? what : `${what}: ${where}${first.message}${more}`
  return failedBy({ ...outcome, data: null }, { code: 'SCHEMA', message })
}
