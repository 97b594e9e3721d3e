export interface Backoff {
  readonly initialDelayMs: number
  readonly backoffMultiplier: number
  readonly maxDelayMs: number
}

export interface RetryPolicy extends Backoff {
  /** Counts the first try. */
  readonly maxAttempts: number
}

/** The wait before the attempt after `attempt` (1 is the first try), in milliseconds. */
export function retryDelayMs(policy: Backoff, attempt: number): number {
  if (policy.initialDelayMs === 0) return 0
  return Math.min(policy.initialDelayMs * policy.backoffMultiplier ** (attempt - 1), policy.maxDelayMs)
}

/** The same, of which half is random: those whose calls failed together do not come back together. */
export function jitteredDelayMs(policy: Backoff, attempt: number): number {
  return retryDelayMs(policy, attempt) * (0.5 + Math.random() / 2)
}
