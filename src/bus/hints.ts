import type { Hint, Unsubscribe } from './bus.js'

type HintListener = (hint: Hint) => void

/** Hints within a process: to the listeners of an execution, and to those of all. */
export function createHints(onError: (error: unknown) => void) {
  const listeners = new Map<string, Set<HintListener>>()
  /** To those who listen under this key only. */
  const deliver = (key: string, hint: Hint): void => {
    for (const listener of listeners.get(key) ?? []) {
      try {
        listener(hint)
      } catch (error) {
        onError(error)
      }
    }
  }
  return {
    deliver,
    /** Delivered after the caller's own work, as over a network. */
    send(hint: Hint): void {
      queueMicrotask(() => {
        deliver(hint.executionId, hint)
        deliver('*', hint)
      })
    },
    listen(executionId: string, listener: HintListener): Unsubscribe {
      // Each subscription is its own, also when one function is given twice.
      const own: HintListener = (hint) => listener(hint)
      const known = listeners.get(executionId) ?? new Set()
      listeners.set(executionId, known.add(own))
      return () => {
        known.delete(own)
        if (known.size === 0 && listeners.get(executionId) === known) listeners.delete(executionId)
      }
    },
    clear: () => listeners.clear(),
  }
}
