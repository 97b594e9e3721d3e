export interface LinkedSignal {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
  /** Forgets the sources and the time limit: to be called when what the signal was for has ended. */
  release(): void
}

interface LinkOptions {
  /** After this long the signal aborts with a DOMException named `TimeoutError`. */
  readonly timeoutMs?: number | undefined
}

/** The longest delay that a timer of Node holds. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * A signal that aborts with the first of its sources, with their reason, or when its time is up. Instead of `AbortSignal.any`
 * over `AbortSignal.timeout`: Node 20 holds such a timeout weakly, so that a garbage collection ends it, and nothing is
 * ever aborted.
 */
export function linkSignals(sources: readonly (AbortSignal | undefined)[], { timeoutMs }: LinkOptions = {}): LinkedSignal {
  const controller = new AbortController()
  const forget: (() => void)[] = []
  const release = (): void => {
    for (const each of forget.splice(0)) each()
  }
  const abort = (reason?: unknown): void => {
    release()
    controller.abort(reason)
  }
  for (const source of sources) {
    if (source === undefined) continue
    const follow = (): void => abort(source.reason)
    if (source.aborted) {
      follow()
      break
    }
    source.addEventListener('abort', follow, { once: true })
    forget.push(() => source.removeEventListener('abort', follow))
  }
  if (timeoutMs !== undefined && !controller.signal.aborted) {
    const isUp = () => abort(new DOMException(`nothing within ${timeoutMs / 1000} s`, 'TimeoutError'))
    const timer = setTimeout(isUp, Math.min(timeoutMs, MAX_TIMER_MS))
    forget.push(() => clearTimeout(timer))
  }
  return { signal: controller.signal, abort, release }
}
