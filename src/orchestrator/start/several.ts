import { isTransientError, TransientError } from '../../core/errors.js'
import type { StartRequest } from '../orchestrator.js'

/** Executions that one call starts. */
const MAX_STARTED = 250

/** @throws TransientError VALIDATION for none, for too many, and for an idempotency key that comes twice */
export function checkSeveral(requests: readonly StartRequest[]): void {
  const refuse = (field: string, message: string) =>
    new TransientError('VALIDATION', `${field}: ${message}`, { details: { field } })
  if (requests.length === 0 || requests.length > MAX_STARTED) {
    throw refuse('inputs', `has ${requests.length} items, 1 to ${MAX_STARTED} are possible`)
  }
  const seen = new Map<string, number>()
  for (const [index, { idempotencyKey }] of requests.entries()) {
    if (idempotencyKey === null || idempotencyKey === undefined) continue
    const before = seen.get(idempotencyKey)
    if (before !== undefined) throw refuse(`inputs[${index}].idempotencyKey`, `is that of inputs[${before}], too`)
    seen.set(idempotencyKey, index)
  }
}

/** Why one of several cannot start, with which of them it is. */
export function ofInput(error: unknown, index: number): unknown {
  if (!isTransientError(error)) return error
  const { code, message, details } = error
  const { field } = details
  const place = `inputs[${index}]`
  return new TransientError(code, `${place}: ${message}`, {
    cause: error,
    details: { ...details, field: typeof field === 'string' ? `${place}.${field}` : place },
  })
}
