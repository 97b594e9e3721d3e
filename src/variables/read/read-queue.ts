import type { VariableRecord } from '../../commit/record.js'
import { keyOf } from '../../commit/record.js'
import type { Clock } from '../../core/clock.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Sql } from '../../db/database.js'
import { countReads } from '../store.js'

const MAX_VARIABLES = 200
/** Beyond that, reads gather while the statements run: that is what makes the batches. */
const MAX_STATEMENTS = 2

interface Waiter {
  resolve(variable: VariableRecord | null): void
  reject(error: unknown): void
}

interface Pending {
  readonly executionId: ExecutionId
  readonly name: string
  readonly waiters: Waiter[]
}

export interface ReadQueueOptions {
  readonly sql: Sql
  readonly clock: Clock
}

export type CountedRead = (executionId: ExecutionId, name: string) => Promise<VariableRecord | null>

/** Counted reads: those that come at the same time share one statement, and each sees its own count. */
export function createReadQueue({ sql, clock }: ReadQueueOptions): CountedRead {
  const pending = new Map<string, Pending>()
  let running = 0

  function pump(): void {
    while (running < MAX_STATEMENTS && pending.size > 0) {
      const batch = [...pending.entries()].slice(0, MAX_VARIABLES)
      for (const [key] of batch) pending.delete(key)
      running += 1
      void flush(batch.map(([, one]) => one)).finally(() => {
        running -= 1
        pump()
      })
    }
  }

  async function flush(batch: readonly Pending[]): Promise<void> {
    try {
      const reads = batch.map(({ executionId, name, waiters }) => ({ executionId, name, count: waiters.length }))
      const variables = await countReads(sql, reads, clock.now())
      const found = new Map(variables.map((variable) => [keyOf(variable.executionId, variable.name), variable]))
      for (const one of batch) settle(one, found.get(keyOf(one.executionId, one.name)) ?? null)
    } catch (error) {
      // One by one, so that one caller's fault, or a deadlock between batches, does not reject a neighbour's read.
      if (batch.length > 1) for (const one of batch) await flush([one])
      else for (const one of batch) for (const waiter of one.waiters) waiter.reject(error)
    }
  }

  return (executionId, name) =>
    new Promise((resolve, reject) => {
      const key = keyOf(executionId, name)
      const waiting = pending.get(key)
      if (waiting) waiting.waiters.push({ resolve, reject })
      else pending.set(key, { executionId, name, waiters: [{ resolve, reject }] })
      queueMicrotask(pump)
    })
}

function settle({ waiters }: Pending, variable: VariableRecord | null): void {
  for (const [index, waiter] of waiters.entries()) {
    waiter.resolve(variable && { ...variable, accessCount: variable.accessCount - waiters.length + index + 1 })
  }
}
