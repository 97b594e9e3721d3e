import { isUndecided } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Database } from '../../db/database.js'
import { EvaluationTimeout } from '../../template/index.js'
import { type AdvanceAnswer, type AdvanceDependencies, type AdvanceRequest, type AdvanceResult, advanceBatch } from './advance.js'
import { evaluatingTransaction } from './backstop.js'
import { type Effects, effectsOf } from './draft.js'
import { createSlots } from './slots.js'

/** Tasks in one transaction, at most. */
const MAX_TASKS = 32
/** Beyond that, tasks gather while the transactions run: that is what makes the batches. */
const MAX_TRANSACTIONS = 2

interface Item {
  readonly request: AdvanceRequest<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

export interface AdvanceQueueDependencies extends AdvanceDependencies {
  readonly db: Database
  readonly elapsedMs?: (() => number) | undefined
  /** After the commit. */
  readonly settle: (effects: Effects) => Promise<void>
}

export type Advance = <T>(request: AdvanceRequest<T>) => Promise<T>

/**
 * Group commit of steps: what is to be decided at the same time shares a transaction, without a timer. An execution is never in
 * two transactions of one queue at once; one that another transaction holds is waited for apart from the rest.
 */
export function createAdvanceQueue(deps: AdvanceQueueDependencies): Advance {
  const { db, settle } = deps
  const pending = new Map<ExecutionId, Item[]>()
  const inFlight = new Set<ExecutionId>()
  const slots = createSlots(MAX_TRANSACTIONS)

  function pump(): void {
    while (slots.isFree()) {
      const batch = take()
      if (batch.length === 0) return
      slots.take(() => run(batch), pump)
    }
  }

  /** Executions in the order in which they came, each with all that waits for it. */
  function take(): Item[] {
    const batch: Item[] = []
    for (const [id, items] of pending) {
      if (batch.length >= MAX_TASKS) break
      if (inFlight.has(id)) continue
      inFlight.add(id)
      const taken = items.splice(0, MAX_TASKS - batch.length)
      batch.push(...taken)
      if (items.length === 0) pending.delete(id)
    }
    return batch
  }

  async function run(batch: readonly Item[]): Promise<void> {
    try {
      const result = await db.transaction((tx) =>
        decideOn(batch, false)(tx, { elapsedMs: deps.elapsedMs ?? now, isLastTry: false }),
      )
      finish(batch, result)
    } catch (error) {
      // A commit that got no answer may have happened. Anything else is one task's: each for itself, so that none fails its neighbours.
      if (isUndecided(error) || (batch.length === 1 && !(error instanceof EvaluationTimeout))) {
        release(batch)
        for (const item of batch) item.reject(error)
      } else {
        void apart(batch)
      }
    }
  }

  function decideOn(batch: readonly Item[], isPatient: boolean) {
    return (...[tx, backstop]: Parameters<Parameters<typeof evaluatingTransaction<AdvanceResult>>[1]>) =>
      advanceBatch(tx, deps, { requests: batch.map((item) => item.request), isPatient, backstop })
  }

  /** Each execution for itself: one that a frozen process holds must not keep the others waiting. */
  async function apart(items: readonly Item[]): Promise<void> {
    const ids = [...new Set(items.map((item) => item.request.key.executionId))]
    await Promise.all(ids.map((id) => patiently(items.filter((item) => item.request.key.executionId === id))))
  }

  /** All that waits for one execution shares a transaction again: another process may hold it half of the time. */
  async function patiently(items: readonly Item[]): Promise<void> {
    for (let rest = items; rest.length > 0; ) rest = await together(rest)
    release(items)
    pump()
  }

  /** Answers what has to wait for what was just written. */
  async function together(items: readonly Item[]): Promise<readonly Item[]> {
    try {
      return announce(items, await evaluatingTransaction(deps, decideOn(items, true)))
    } catch (error) {
      if (items.length === 1 || isUndecided(error)) for (const item of items) item.reject(error)
      else for (const item of items) await together([item])
      return []
    }
  }

  function finish(batch: readonly Item[], result: AdvanceResult): void {
    const busy = announce(batch, result)
    const held = new Set(busy.map((item) => item.request.key.executionId))
    release(batch.filter((item) => !held.has(item.request.key.executionId)))
    if (busy.length > 0) void apart(busy)
  }

  /** What was committed is announced, and each caller answered after that. Answers those whose turn has not come. */
  function announce(batch: readonly Item[], { answers, drafts }: AdvanceResult): readonly Item[] {
    const settled = new Map<ExecutionId, Promise<void>>()
    for (const [id, draft] of drafts) if (draft.execution !== draft.before) settled.set(id, settle(effectsOf(draft)))
    for (const [index, item] of batch.entries()) {
      const answer = answers[index] ?? 'busy'
      if (answer === 'busy') continue
      const after = settled.get(item.request.key.executionId) ?? Promise.resolve()
      after.then(() => respond(item, answer), item.reject)
    }
    return batch.filter((_, index) => (answers[index] ?? 'busy') === 'busy')
  }

  function release(batch: readonly Item[]): void {
    for (const { request } of batch) inFlight.delete(request.key.executionId)
  }

  return <T>(request: AdvanceRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      const item: Item = { request, resolve: resolve as (value: unknown) => void, reject }
      const waiting = pending.get(request.key.executionId)
      if (waiting) waiting.push(item)
      else pending.set(request.key.executionId, [item])
      queueMicrotask(pump)
    })
}

function now(): number {
  return performance.now()
}

function respond(item: Item, answer: Exclude<AdvanceAnswer, 'busy'>): void {
  if ('error' in answer) item.reject(answer.error)
  else item.resolve(answer.value)
}
