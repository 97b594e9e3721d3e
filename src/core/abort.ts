export interface Joined {
  /** undefined: somebody stays whatever happens. */
  readonly signal: AbortSignal | undefined
  /** Forgets the sources. To be called when the work is over: they may live longer. */
  release(): void
}

const nothing = (): void => undefined

/** Of callers who share one piece of work: aborts when all of them have left. */
export function whenAllLeave(callers: readonly (AbortSignal | undefined)[]): Joined {
  const signals = new Set(callers)
  const [only] = signals
  if (signals.has(undefined) || signals.size <= 1) return { signal: signals.has(undefined) ? undefined : only, release: nothing }
  const abort = new AbortController()
  let staying = 0
  const leave = (): void => {
    staying -= 1
    if (staying === 0) abort.abort()
  }
  for (const signal of signals) {
    if (signal?.aborted !== false) continue
    staying += 1
    signal.addEventListener('abort', leave, { once: true })
  }
  if (staying === 0) abort.abort()
  return {
    signal: abort.signal,
    release() {
      for (const signal of signals) signal?.removeEventListener('abort', leave)
    },
  }
}
