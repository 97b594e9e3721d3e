import { whenAllLeave } from './shared-calls.js'

/** One question of a batch, and who waits for its result. */
interface Waiting<Query, Value> {
  readonly query: Query
  readonly signal: AbortSignal | undefined
  resolve(value: Value): void
  reject(error: unknown): void
}

export interface BatcherOptions<Query, Value> {
  /** Only questions of one group are asked together. */
  readonly groupOf: (query: Query) => string
  /**
   * One result for each question, in order; calling it may throw, which concerns that question alone. The signal aborts when all
   * who asked have left.
   */
  readonly load: (queries: readonly Query[], signal: AbortSignal | undefined) => Promise<readonly (() => Value)[]>
}

/** Asks one question; with a signal, until that aborts. */
export type Ask<Query, Value> = (query: Query, signal?: AbortSignal) => Promise<Value>

/** Questions asked together, at most. */
const MAX_QUERIES = 500

/**
 * Asks together what is asked at the same time: all nested fields of a list, or several callers. A question waits for one
 * `setImmediate` at most.
 */
export function createBatcher<Query, Value>({ groupOf, load }: BatcherOptions<Query, Value>): Ask<Query, Value> {
  let groups = new Map<string, Waiting<Query, Value>[]>()

  function flush(): void {
    const ready = groups
    groups = new Map()
    for (const group of ready.values()) {
      for (let from = 0; from < group.length; from += MAX_QUERIES) void run(group.slice(from, from + MAX_QUERIES))
    }
  }

  async function run(batch: readonly Waiting<Query, Value>[]): Promise<void> {
    const { signal, release } = whenAllLeave(batch.map((one) => one.signal))
    try {
      const results = await load(
        batch.map(({ query }) => query),
        signal,
      )
      for (const [index, one] of batch.entries()) settle(one, results[index])
    } catch (error) {
      for (const one of batch) one.reject(error)
    } finally {
      release()
    }
  }

  return (query, signal) =>
    new Promise((resolve, reject) => {
      if (groups.size === 0) setImmediate(flush)
      const group = groupOf(query)
      const waiting = groups.get(group)
      if (waiting) waiting.push({ query, signal, resolve, reject })
      else groups.set(group, [{ query, signal, resolve, reject }])
    })
}

function settle<Query, Value>({ resolve, reject }: Waiting<Query, Value>, result: (() => Value) | undefined): void {
  try {
    if (result === undefined) throw new Error('a batch returned fewer results than it was asked for')
    resolve(result())
  } catch (error) {
    reject(error)
  }
}
