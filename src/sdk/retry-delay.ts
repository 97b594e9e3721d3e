import { setTimeout as sleep } from 'node:timers/promises'
import { type RetryPolicy, retryDelayMs } from '../core/backoff.js'
import { ERRORS, isTransientError } from '../core/errors.js'

const POLICY: RetryPolicy = { maxAttempts: Number.POSITIVE_INFINITY, initialDelayMs: 100, backoffMultiplier: 2, maxDelayMs: 5000 }
const MAX_EXPONENT = 8

/** Whether the same request may succeed later: no response, or one that says so. */
export function isRetryable(error: unknown): boolean {
  return !isTransientError(error) || ERRORS[error.code].isRetryable
}

/** Waits after the n-th failure in a row: 0.1 to 5 s, doubling, of which a random half; an abort ends it. */
export async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const delayMs = retryDelayMs(POLICY, Math.min(failures, MAX_EXPONENT)) * (0.5 + Math.random() / 2)
  await sleep(delayMs, undefined, { signal }).catch(() => undefined)
}
