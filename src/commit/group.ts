import { isTransientError, isUndecided, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'

/** What takes longer gives its slot up: one that hangs must not stop those that wait behind it. */
const SLOW_MS = 250
/** What takes longer is no reason any more to let others gather. */
const YOUNG_MS = 25
/** Executions that others have locked are waited for side by side, but the connections are there for everybody. */
const MAX_WAITS = 8

/** What became of one work. */
export type Outcome<T> =
  /** `after`: what its caller waits for, too. */
  | { readonly value: T; readonly after?: Promise<void> | undefined }
  /** Its own fault; nothing of it was done. */
  | { readonly error: unknown }
  /** The transaction failed, for which somebody else's work may be the reason; nothing was done. */
  | { readonly failure: unknown }
  /** Another transaction has its execution locked, or it must be committed after the others; nothing was done. */
  | 'busy'

export interface GroupLimits {
  /** In one transaction, at most; a larger work is alone in its own. */
  readonly maxSize: number
  /** Beyond that, works gather while the transactions run: that is what makes the batches. */
  readonly maxTransactions: number
  /** So many executions must wait for each transaction that runs, before another begins beside it. */
  readonly minBeside?: number
  /** That may wait at once; beyond, callers are told to come back. */
  readonly maxWaiting?: number
}

export interface GroupCommitOptions<Work, T> extends GroupLimits {
  readonly executionOf: (work: Work) => ExecutionId
  /** How much of a transaction it takes. */
  readonly sizeOf: (work: Work) => number
  /** Carries works out in one transaction, those of one execution in order; `isAlone`: they are all of one, which is waited for. */
  readonly commit: (works: readonly Work[], options: { readonly isAlone: boolean }) => Promise<readonly Outcome<T>[]>
  /** Whether a work that failed although it was the only one is to be tried once more, by itself. */
  readonly isWorthAnotherTry?: (error: unknown) => boolean
}

export interface GroupCommit<Work, T> {
  /** @throws TransientError OVERLOADED when too many wait; whatever the work throws */
  push(work: Work): Promise<T>
}

interface Item<Work, T> {
  readonly work: Work
  readonly id: ExecutionId
  readonly size: number
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * Group commit: works that come at the same time share a transaction, without a timer. Those of one execution are carried out in the order
 * in which they came, and an execution is never in two transactions of one queue at once. One that another process has locked is waited for
 * apart from the rest, and a work that fails is tried apart from its neighbours.
 */
export function createGroupCommit<Work, T>(options: GroupCommitOptions<Work, T>): GroupCommit<Work, T> {
  const {
    maxSize,
    maxTransactions,
    minBeside = 0,
    maxWaiting = Number.POSITIVE_INFINITY,
    isWorthAnotherTry = () => false,
  } = options
  const pending = new Map<ExecutionId, Item<Work, T>[]>()
  const inFlight = new Set<ExecutionId>()
  const slots = createSlots(() => pump())
  const waits = createTurns(MAX_WAITS)
  /** The sizes of all that have no answer yet. */
  let waiting = 0

  function pump(): void {
    while (slots.taken() < maxTransactions && pending.size >= minBeside * slots.young()) {
      const batch = take()
      if (batch.length === 0) return
      slots.use(() => run(batch))
    }
  }

  /** Executions in the order in which they came, each with as many of its works as fit. */
  function take(): Item<Work, T>[] {
    const batch: Item<Work, T>[] = []
    let room = maxSize
    for (const [id, items] of pending) {
      if (room <= 0) break
      if (inFlight.has(id)) continue
      let count = 0
      for (const { size } of items) {
        if (batch.length + count > 0 && size > room) break
        room -= size
        count += 1
      }
      if (count === 0) continue
      inFlight.add(id)
      batch.push(...items.splice(0, count))
      if (items.length === 0) pending.delete(id)
    }
    return batch
  }

  async function run(batch: readonly Item<Work, T>[]): Promise<void> {
    const rest = await attempt(batch, { isAlone: false, isFinal: (error) => batch.length === 1 && !isWorthAnotherTry(error) })
    const later = new Set(rest.map(({ id }) => id))
    for (const { id } of batch) if (!later.has(id)) inFlight.delete(id)
    for (const id of later) void waits.use(() => runAlone(rest.filter((item) => item.id === id)))
  }

  /** All that waits for one execution shares a transaction again: another process may have it locked half of the time. */
  async function runAlone(items: readonly Item<Work, T>[]): Promise<void> {
    for (let rest = items; rest.length > 0; ) {
      const left = await attempt(rest, { isAlone: true, isFinal: () => rest.length === 1 })
      // A failure may be one work's: each by itself, in their order.
      rest = left.length < rest.length ? left : await oneByOne(left)
    }
    for (const { id } of items) inFlight.delete(id)
    pump()
  }

  async function oneByOne(items: readonly Item<Work, T>[]): Promise<readonly Item<Work, T>[]> {
    const left = []
    for (const item of items) left.push(...(await attempt([item], { isAlone: true, isFinal: () => true })))
    return left
  }

  /** Answers those that are still to be done. */
  async function attempt(
    items: readonly Item<Work, T>[],
    { isAlone, isFinal }: { readonly isAlone: boolean; readonly isFinal: (error: unknown) => boolean },
  ): Promise<readonly Item<Work, T>[]> {
    const failed = (error: unknown): Outcome<T> => (isFinal(error) || isHopeless(error) ? { error } : { failure: error })
    let outcomes: readonly Outcome<T>[]
    try {
      outcomes = await options.commit(
        items.map(({ work }) => work),
        { isAlone },
      )
    } catch (error) {
      outcomes = items.map(() => ({ failure: error }))
    }
    return items.filter((item, index) => {
      const outcome = outcomes[index] ?? 'busy'
      return !settle(item, outcome !== 'busy' && 'failure' in outcome ? failed(outcome.failure) : outcome)
    })
  }

  return {
    async push(work) {
      const size = options.sizeOf(work)
      if (waiting > 0 && waiting + size > maxWaiting) {
        throw new TransientError('OVERLOADED', `${waiting} writes wait already; try again in a moment`)
      }
      waiting += size
      try {
        return await new Promise<T>((resolve, reject) => {
          const id = options.executionOf(work)
          const item = { work, id, size, resolve, reject }
          const queued = pending.get(id)
          if (queued) queued.push(item)
          else pending.set(id, [item])
          queueMicrotask(pump)
        })
      } finally {
        waiting -= size
      }
    },
  }
}

/** False when the item is still to be done. */
function settle<Work, T>(item: Item<Work, T>, outcome: Outcome<T>): boolean {
  if (outcome === 'busy' || 'failure' in outcome) return false
  if ('error' in outcome) item.reject(outcome.error)
  else if (outcome.after) outcome.after.then(() => item.resolve(outcome.value), item.reject)
  else item.resolve(outcome.value)
  return true
}

/** A commit that got no answer may have happened, and is never repeated; and a database that is away is away for everybody. */
export function isHopeless(error: unknown): boolean {
  return isUndecided(error) || (isTransientError(error) && error.code === 'OVERLOADED')
}

/** Bounds what is in flight. `next` is called whenever something may begin that could not before. */
function createSlots(next: () => void) {
  let taken = 0
  let young = 0
  return {
    taken: () => taken,
    young: () => young,
    use(work: () => Promise<void>): void {
      taken += 1
      young += 1
      const grown = once(() => {
        young -= 1
      })
      const slow = once(() => {
        taken -= 1
      })
      const timers = [setTimeout(() => [grown(), next()], YOUNG_MS), setTimeout(() => [slow(), next()], SLOW_MS)]
      void work().finally(() => {
        for (const timer of timers) clearTimeout(timer)
        grown()
        slow()
        next()
      })
    },
  }
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}

/** At most so many at once, the others in the order in which they came. */
function createTurns(max: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    async use(work: () => Promise<void>): Promise<void> {
      if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve))
      else running += 1
      try {
        await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else running -= 1
      }
    },
  }
}
