export interface RetryPolicy {
  /** Counts the first try. */
  readonly maxAttempts: number
  readonly initialDelayMs: number
  readonly backoffMultiplier: number
  readonly maxDelayMs: number
}

/** The wait before the attempt after `attempt` (1 is the first try), in milliseconds. */
export function retryDelayMs(policy: RetryPolicy, attempt: number): number {
  if (policy.initialDelayMs === 0) return 0
  return Math.min(policy.initialDelayMs * policy.backoffMultiplier ** (attempt - 1), policy.maxDelayMs)
}
