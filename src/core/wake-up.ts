/** A flag that wakes the one who waits for it: many calls of `set` before a wait are one. */
export interface WakeUp {
  /** Before reading what the flag announces: from now on nothing is missed. */
  clear(): void
  set(): void
  /** Until it is set, at once if it was since `clear`, or the time is over; false when the signal has aborted. */
  wait(signal: AbortSignal, ms?: number): Promise<boolean>
}

/** A flag that is not set. */
export function createWakeUp(): WakeUp {
  let isSet = false
  let wake: (() => void) | null = null
  return {
    clear() {
      isSet = false
    },
    set() {
      isSet = true
      wake?.()
    },
    wait(signal, ms) {
      if (isSet || signal.aborted) return Promise.resolve(!signal.aborted)
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          wake = null
          resolve(!signal.aborted)
        }
        const timer = ms === undefined ? undefined : setTimeout(done, ms)
        signal.addEventListener('abort', done, { once: true })
        wake = done
      })
    },
  }
}
