import type { StepBus } from '../../bus/bus.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Position } from './watch-store.js'

/** Tells one watcher that its execution may have moved. */
export interface WakeUp {
  /** Before reading: from now on nothing is missed. */
  arm(): void
  /** Until the execution may have moved since `arm`, the time is over, or the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  close(): void
}

export interface WakeUpsOptions {
  readonly bus: StepBus
  readonly findPositions: (ids: readonly ExecutionId[]) => Promise<Map<ExecutionId, Position>>
  /** Hints may be lost: how often the database is asked instead. */
  readonly pollMs?: number
}

interface Watched {
  readonly ring: Set<() => void>
  readonly unsubscribe: () => void
  position: string | null
}

/** Wake-ups by the bus, and by one query a second for all watched executions together, whatever their number. */
export function createWakeUps({ bus, findPositions, pollMs = 1000 }: WakeUpsOptions): (executionId: ExecutionId) => WakeUp {
  const watched = new Map<ExecutionId, Watched>()
  let isPolling = false

  function startPolling(): void {
    if (isPolling) return
    isPolling = true
    setTimeout(poll, pollMs).unref()
  }

  async function poll(): Promise<void> {
    const ids = [...watched.keys()]
    // While the database is down nobody can be told anything; the next round asks again.
    const positions = await findPositions(ids).catch(() => null)
    for (const id of positions === null ? [] : ids) {
      const entry = watched.get(id)
      const at = positions?.get(id)
      const position = at ? `${at.revision}/${at.oldestRevision}` : ''
      if (!entry || entry.position === position) continue
      entry.position = position
      for (const ring of entry.ring) ring()
    }
    isPolling = false
    if (watched.size > 0) startPolling()
  }

  function watch(id: ExecutionId): Watched {
    const existing = watched.get(id)
    if (existing) return existing
    const ring = new Set<() => void>()
    const unsubscribe = bus.onHint(id, () => {
      for (const one of ring) one()
    })
    const entry = { ring, unsubscribe, position: null }
    watched.set(id, entry)
    startPolling()
    return entry
  }

  return (executionId) => {
    const entry = watch(executionId)
    const bell = createBell()
    entry.ring.add(bell.ring)
    return {
      arm: bell.arm,
      wait: bell.wait,
      close() {
        entry.ring.delete(bell.ring)
        if (entry.ring.size > 0 || watched.get(executionId) !== entry) return
        watched.delete(executionId)
        entry.unsubscribe()
      },
    }
  }
}

/** Remembers a ring between `arm` and `wait`, so that no hint is lost between reading and waiting. */
function createBell() {
  let isRung = false
  let wake: (() => void) | null = null
  return {
    arm(): void {
      isRung = false
    },
    ring(): void {
      isRung = true
      wake?.()
    },
    wait(ms: number, signal: AbortSignal): Promise<void> {
      if (isRung || signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          wake = null
          resolve()
        }
        const timer = setTimeout(done, ms)
        signal.addEventListener('abort', done, { once: true })
        wake = done
      })
    },
  }
}
