import { isTransientError } from '../../core/errors.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { createSlots } from '../advance/slots.js'
import { type Birth, insertBirths } from './birth-store.js'

/** Executions in one statement, at most, and the characters of what they were given. */
const MAX_BIRTHS = 64
const MAX_SIZE = 1024 * 1024
/** Beyond that, starts gather while the statements run: that is what makes the batches. */
const MAX_STATEMENTS = 2

interface Item {
  readonly birth: Birth
  readonly size: number
  resolve(execution: ExecutionRecord): void
  reject(error: unknown): void
}

export type InsertBirth = (birth: Birth) => Promise<ExecutionRecord>

/** Group commit of starts: executions that begin at the same time share a statement, without a timer. */
export function createStartQueue(db: Database): InsertBirth {
  const pending: Item[] = []
  const slots = createSlots(MAX_STATEMENTS)

  function pump(): void {
    while (slots.isFree() && pending.length > 0) {
      const items = take(pending)
      slots.take(() => run(items), pump)
    }
  }

  async function run(items: readonly Item[]): Promise<void> {
    try {
      const executions = await insertBirths(
        db,
        items.map(({ birth }) => birth),
      )
      for (const [index, item] of items.entries()) item.resolve(executions[index] as ExecutionRecord)
    } catch (error) {
      // A statement that got no answer may have been carried out. Else each for itself, so that none fails its neighbours.
      if (items.length === 1 || isTransientError(error)) for (const item of items) item.reject(error)
      else for (const item of items) await run([item])
    }
  }

  return (birth) =>
    new Promise((resolve, reject) => {
      const { workload, payload } = birth.texts
      pending.push({ birth, size: (workload?.length ?? 0) + (payload?.length ?? 0), resolve, reject })
      queueMicrotask(pump)
    })
}

function take(pending: Item[]): Item[] {
  let size = 0
  let count = 0
  while (count < pending.length && count < MAX_BIRTHS) {
    size += pending[count]?.size ?? 0
    if (count > 0 && size > MAX_SIZE) break
    count += 1
  }
  return pending.splice(0, count)
}
