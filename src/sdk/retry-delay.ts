import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, jitteredDelayMs } from '../core/backoff.js'
import { ERRORS, isTransientError } from '../core/errors.js'

const BACKOFF: Backoff = { initialDelayMs: 100, backoffMultiplier: 2, maxDelayMs: 5000 }

/** Whether the same request may succeed later: no response, or one that says so. */
export function isRetryable(error: unknown): boolean {
  return !isTransientError(error) || ERRORS[error.code].isRetryable
}

/** Waits after the n-th failure in a row: 0.1 to 5 s, doubling, of which a random half; an abort ends it. */
export async function pause(failures: number, signal: AbortSignal): Promise<void> {
  await sleep(jitteredDelayMs(BACKOFF, failures), undefined, { signal }).catch(() => undefined)
}
