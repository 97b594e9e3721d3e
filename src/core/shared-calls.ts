export type SharedCalls = <T>(key: string, call: () => Promise<T>) => Promise<T>

/**
 * Lets those that ask the same at the same time share one call and its answer. A call begins only after all that share it have
 * asked, so nobody gets an answer that is older than the question; who asks while it runs shares the next one.
 */
export function createSharedCalls(): SharedCalls {
  const running = new Map<string, Promise<unknown>>()
  const waiting = new Map<string, Promise<unknown>>()

  async function begin<T>(key: string, call: () => Promise<T>): Promise<T> {
    // What others ask in this same moment joins first.
    await Promise.resolve()
    while (running.has(key)) await running.get(key)?.then(undefined, () => undefined)
    waiting.delete(key)
    const called = call()
    running.set(key, called)
    try {
      return await called
    } finally {
      running.delete(key)
    }
  }

  return <T>(key: string, call: () => Promise<T>): Promise<T> => {
    const shared = waiting.get(key)
    if (shared !== undefined) return shared as Promise<T>
    const promise = begin(key, call)
    waiting.set(key, promise)
    return promise
  }
}
