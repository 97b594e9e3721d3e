/** Lets `size` holders in at once, in order; a waiting one gives up when its signal aborts. */
export interface Gate {
  /** Resolves with the function that lets the next one in, or with null when the signal aborted first. */
  enter(signal: AbortSignal): Promise<(() => void) | null>
}

export function createGate(size: number): Gate {
  let free = size
  const waiting: ((leave: () => void) => void)[] = []
  const leave = () => {
    const next = waiting.shift()
    if (next) next(once(leave))
    else free += 1
  }
  return {
    enter: (signal) => {
      if (signal.aborted) return Promise.resolve(null)
      if (free > 0) {
        free -= 1
        return Promise.resolve(once(leave))
      }
      return new Promise((resolve) => {
        const admit = (done: () => void) => {
          signal.removeEventListener('abort', giveUp)
          resolve(done)
        }
        const giveUp = () => {
          const at = waiting.indexOf(admit)
          if (at >= 0) waiting.splice(at, 1)
          resolve(null)
        }
        waiting.push(admit)
        signal.addEventListener('abort', giveUp, { once: true })
      })
    },
  }
}

function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) action()
    isDone = true
  }
}
