import type { StepBus } from '../bus/bus.js'
import type { ExecutionId } from '../core/ids.js'
import { createSharedCalls } from '../core/shared-calls.js'
import type { Database, Sql } from '../db/database.js'
import { readProgress, readRecentProgress } from './feed-store.js'

/** `isHinted`: it changed just now; else it was found by looking, and may have changed since the look before. */
type Listener = (id: ExecutionId, isHinted: boolean) => void

/** Wakes listeners when an execution may have changed: by the bus's hints, and by a poll where a hint was lost. */
export interface ExecutionFeed {
  /** Answers the function that ends it. */
  listen(executionId: ExecutionId | '*', listener: Listener): () => void
  /**
   * Looks now: what is found by looking from here on has changed after this call began.
   * @throws TransientError OVERLOADED when the database does not answer, or all who asked have left
   */
  look(signal: AbortSignal): Promise<void>
}

interface FeedOptions {
  readonly db: Database
  readonly bus: StepBus
  /** Hints may be lost: how often the database is asked instead. */
  readonly pollMs?: number
}

/** A poll never takes more than this share of the time. */
const MAX_POLL_SHARE = 0.05

/** One query a second serves all listeners of the process, and runs only while there are any. */
export function createExecutionFeed({ db, bus, pollMs = 1000 }: FeedOptions): ExecutionFeed {
  const listeners = new Map<ExecutionId | '*', Set<Listener>>()
  let polled = new Map<ExecutionId, string>()
  let timer: NodeJS.Timeout | null = null
  let polling: Promise<void> | null = null
  const share = createSharedCalls()

  const poll = async (sql: Sql) => {
    const startedAt = performance.now()
    try {
      const ids = [...listeners.keys()].filter((key) => key !== '*')
      const found = ids.length > 0 ? await readProgress(sql, ids) : []
      if (listeners.has('*')) found.push(...(await readRecentProgress(sql)))
      const moved = found.filter(({ id, position }) => polled.get(id) !== position)
      polled = new Map(found.map(({ id, position }) => [id, position]))
      for (const { id } of moved) {
        for (const key of [id, '*']) for (const listener of listeners.get(key) ?? []) listener(id, false)
      }
    } finally {
      polling = null
      schedule(Math.max(pollMs, (performance.now() - startedAt) / MAX_POLL_SHARE))
    }
  }

  const begin = (sql: Sql): Promise<void> => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    polling = poll(sql)
    return polling
  }

  const schedule = (delayMs: number) => {
    // While the database does not answer, the next poll makes up for this one.
    timer = listeners.size > 0 ? setTimeout(() => void begin(db).catch(() => undefined), delayMs) : null
    timer?.unref()
  }

  const look = async (signal: AbortSignal | undefined): Promise<void> => {
    while (polling !== null) await polling.catch(() => undefined)
    await begin(db.reading(signal))
  }

  return {
    listen(executionId, listener) {
      const known = listeners.get(executionId) ?? new Set()
      listeners.set(executionId, known.add(listener))
      if (timer === null && polling === null) schedule(pollMs)
      const unsubscribe = bus.onHint(executionId, (hint) => listener(hint.executionId, true))
      return () => {
        unsubscribe()
        known.delete(listener)
        if (known.size === 0 && listeners.get(executionId) === known) listeners.delete(executionId)
        if (listeners.size > 0 || timer === null) return
        clearTimeout(timer)
        timer = null
        polled = new Map()
      }
    },
    look: (signal) => share('', look, signal),
  }
}
