import type { Hint, StepBus } from '../../bus/bus.js'
import type { Clock } from '../../core/clock.js'
import { isTransientError, isUndecided, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Database } from '../../db/database.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { WriteRequest, WriteResult } from '../requests.js'
import { applyBatch, type BatchAnswer, type BatchRequest } from './batch.js'
import { type Folded, foldRemembered, type GuardedResult, writeFolded } from './guarded-batch.js'
import { createMemory } from './memory.js'
import { hintOf } from './write-draft.js'

/** Variables in one transaction, at most (a larger change set is alone in its own). */
const MAX_WRITES = 200
/** Beyond that, writes gather while the transactions run: that is what makes the batches. */
const MAX_TRANSACTIONS = 3
/** So many executions must wait for each transaction that runs, before another begins beside it: small ones cost more than they gain. */
const MIN_BESIDE = 8
/** Variables that may wait at once; beyond, callers are told to come back, before memory and their patience run out. */
const MAX_WAITING = 20_000

interface Item {
  readonly request: WriteRequest
  resolve(result: WriteResult): void
  reject(error: unknown): void
}

export interface WriteQueueOptions {
  readonly maxWaiting?: number
  readonly db: Database
  readonly bus: StepBus
  readonly clock: Clock
  readonly keyRing: KeyRing
}

/**
 * Group commit: change sets that come at the same time share a transaction, without a timer, and each keeps its own revision
 * and answer. What this process remembers of an execution need not be loaded (decision 21). An execution is never in two transactions of one queue at once. Rejects with OVERLOADED when too many wait.
 */
export function createWriteQueue(options: WriteQueueOptions): (request: WriteRequest) => Promise<WriteResult> {
  const { db, bus, clock, keyRing, maxWaiting = MAX_WAITING } = options
  const pending = new Map<ExecutionId, Item[]>()
  const inFlight = new Set<ExecutionId>()
  const memory = createMemory()
  let running = 0
  /** Of all that have no answer yet. */
  let waiting = 0

  function pump(): void {
    while (running < MAX_TRANSACTIONS) {
      if (pending.size < MIN_BESIDE * running) return
      const batch = take(pending, inFlight)
      if (batch.length === 0) return
      running += 1
      void run(batch).finally(() => {
        running -= 1
        pump()
      })
    }
  }

  async function run(batch: readonly Item[]): Promise<void> {
    const { folded, others } = foldOver(batch)
    await Promise.all([runFolded(folded), runTogether(others)])
  }

  function foldOver(batch: readonly Item[]) {
    try {
      return foldRemembered(memory, batch, { now: clock.now(), keyRing })
    } catch {
      // What the fold did not foresee, the transaction will meet, too, and tell.
      return { folded: [], others: batch }
    }
  }

  async function runFolded(folded: readonly Folded<Item>[]): Promise<void> {
    if (folded.length === 0) return
    const items = folded.flatMap(({ answers }) => answers.map(({ item }) => item))
    let result: GuardedResult<Item>
    try {
      result = await writeFolded(db, { folded, memory, keyRing })
    } catch (error) {
      return isHopeless(error) ? giveUp(items, error) : runTogether(items)
    }
    const { written, stale } = result
    for (const { answers } of written) for (const { item, answer } of answers) settle(item, answer)
    notify(
      bus,
      written.map(({ draft }) => hintOf(draft.execution)),
    )
    release(inFlight, items, stale)
    await runTogether(stale)
  }

  async function runTogether(batch: readonly Item[]): Promise<void> {
    if (batch.length === 0) return
    try {
      const answers = await commit(batch, { isPatient: false })
      const busy = batch.filter((item, index) => !settle(item, answers[index] ?? 'busy'))
      release(inFlight, batch, busy)
      // Nobody else's write waits for an execution that a step holds.
      if (busy.length > 0) void oneByOne(busy)
    } catch (error) {
      // What the fold did not foresee: each for itself, so that one caller's value never rejects a neighbour's.
      return isHopeless(error) ? giveUp(batch, error) : oneByOne(batch)
    }
  }

  function giveUp(items: readonly Item[], error: unknown): void {
    for (const item of items) item.reject(error)
    release(inFlight, items, [])
  }

  async function oneByOne(items: readonly Item[]): Promise<void> {
    for (const item of items) {
      try {
        const [answer] = await commit([item], { isPatient: true })
        settle(item, answer ?? 'busy')
      } catch (error) {
        item.reject(error)
      }
    }
    release(inFlight, items, [])
    pump()
  }

  async function commit(batch: readonly Item[], { isPatient }: Pick<BatchRequest, 'isPatient'>): Promise<readonly BatchAnswer[]> {
    const requests = batch.map((item) => item.request)
    const { answers, drafts, created } = await db.transaction((tx) =>
      applyBatch(tx, { requests, now: clock.now(), isPatient, keyRing }),
    )
    memory.learn(drafts, created)
    const moved = drafts.filter((draft) => draft.changes.length > 0)
    notify(
      bus,
      moved.map(({ execution }) => hintOf(execution)),
    )
    return answers
  }

  return async (request) => {
    const size = sizeOfRequest(request)
    if (waiting > 0 && waiting + size > maxWaiting) {
      throw new TransientError('OVERLOADED', `${waiting} writes wait already; try again in a moment`)
    }
    waiting += size
    try {
      return await new Promise((resolve, reject) => {
        const item = { request, resolve, reject }
        const queued = pending.get(request.executionId)
        if (queued) queued.push(item)
        else pending.set(request.executionId, [item])
        queueMicrotask(pump)
      })
    } finally {
      waiting -= size
    }
  }
}

/** A commit that got no answer may have happened, and is never repeated; and a database that is away is away for everybody. */
function isHopeless(error: unknown): boolean {
  return isUndecided(error) || (isTransientError(error) && error.code === 'OVERLOADED')
}

/** After a commit nothing may fail any more: a lost hint costs a watcher a second. */
export function notify(bus: StepBus, hints: readonly Hint[]): void {
  try {
    for (const hint of hints) bus.hint(hint)
  } catch {
    // The bus reports its own health.
  }
}

/** The next batch: executions in the order in which they came, each with as many of its change sets as fit. */
function take(pending: Map<ExecutionId, Item[]>, inFlight: Set<ExecutionId>): Item[] {
  const batch: Item[] = []
  let room = MAX_WRITES
  for (const [id, items] of pending) {
    if (room <= 0) break
    if (inFlight.has(id)) continue
    let count = 0
    while (count < items.length && (batch.length === 0 || sizeOf(items[count]) <= room)) {
      const item = items[count] as Item
      batch.push(item)
      room -= sizeOf(item)
      count += 1
    }
    if (count === 0) continue
    inFlight.add(id)
    if (count === items.length) pending.delete(id)
    else pending.set(id, items.slice(count))
  }
  return batch
}

function sizeOf(item: Item | undefined): number {
  return item === undefined ? 1 : sizeOfRequest(item.request)
}

function sizeOfRequest({ writes }: WriteRequest): number {
  return Math.max(writes.length, 1)
}

/** False when the item has no answer yet. */
function settle(item: Item, answer: BatchAnswer): boolean {
  if (answer === 'busy') return false
  if ('error' in answer) item.reject(answer.error)
  else item.resolve(answer.result)
  return true
}

function release(inFlight: Set<ExecutionId>, batch: readonly Item[], busy: readonly Item[]): void {
  const held = new Set(busy.map((item) => item.request.executionId))
  for (const { request } of batch) if (!held.has(request.executionId)) inFlight.delete(request.executionId)
}
