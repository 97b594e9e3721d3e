/** `call` gets a signal that aborts when all who share it have left; who gives none stays. */
export type SharedCalls = <T>(
  key: string,
  call: (signal: AbortSignal | undefined) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>

interface Shared {
  readonly promise: Promise<unknown>
  readonly signals: (AbortSignal | undefined)[]
}

/**
 * Lets those that ask the same at the same time share one call and its result. A call begins only after all that share it have
 * asked, so nobody gets a result that is older than the question; who asks while it runs shares the next one.
 */
export function createSharedCalls(): SharedCalls {
  const running = new Map<string, Promise<unknown>>()
  const waiting = new Map<string, Shared>()

  async function begin<T>(
    key: string,
    call: (signal: AbortSignal | undefined) => Promise<T>,
    signals: readonly (AbortSignal | undefined)[],
  ): Promise<T> {
    // What others ask in this same moment joins first.
    await Promise.resolve()
    while (running.has(key)) await running.get(key)?.then(undefined, () => undefined)
    waiting.delete(key)
    const { signal, release } = whenAllLeave(signals)
    const called = call(signal)
    running.set(key, called)
    try {
      return await called
    } finally {
      running.delete(key)
      release()
    }
  }

  return <T>(key: string, call: (signal: AbortSignal | undefined) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const shared = waiting.get(key)
    if (shared !== undefined) {
      shared.signals.push(signal)
      return shared.promise as Promise<T>
    }
    const signals = [signal]
    const promise = begin(key, call, signals)
    waiting.set(key, { promise, signals })
    return promise
  }
}

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
