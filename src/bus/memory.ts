import type { BusHealth, ConsumeOptions, StepBus, Stop, TaskRef } from './bus.js'
import { createHints } from './hints.js'

type Handler = (task: TaskRef) => Promise<void>

interface Consumer {
  readonly concurrency: number
  readonly handler: Handler
  readonly running: Set<Promise<void>>
}

interface Pool {
  /** By execution, each in the order of `ensure`; they take turns, and the next one's is first. */
  readonly waiting: Map<string, Map<string, TaskRef>>
  readonly consumers: Set<Consumer>
}

interface MemoryBusOptions {
  /** Told of a handler or listener that failed; the relay and the next poll make up for it. */
  readonly onError?: (error: unknown) => void
}

/** The bus of a single process. What it forgets when the process ends, the relay ensures again at the next start. */
export function createMemoryBus({ onError = () => undefined }: MemoryBusOptions = {}): StepBus {
  const queues = createQueues(onError)
  const hints = createHints(onError)
  let isClosed = false
  return {
    async ensure(task) {
      if (!isClosed) queues.add(task)
    },
    consume: queues.consume,
    async withdraw(taskId) {
      queues.remove(taskId)
    },
    // There is no other process.
    onWithdrawn: () => () => undefined,
    hint: hints.send,
    onHint: hints.listen,
    health: async (): Promise<BusHealth> => ({
      isHealthy: !isClosed,
      detail: isClosed ? 'closed' : `in process, ${queues.size()} tasks waiting or running`,
    }),
    async close() {
      isClosed = true
      hints.clear()
      await queues.stop()
    },
  }
}

/** Waiting tasks by pool, and who takes them. */
function createQueues(onError: (error: unknown) => void) {
  const pools = new Map<string, Pool>()
  /** Every task that waits or runs. */
  const known = new Map<string, TaskRef>()

  const poolNamed = (name: string): Pool => {
    const found = pools.get(name)
    if (found !== undefined) return found
    const pool: Pool = { waiting: new Map(), consumers: new Set() }
    pools.set(name, pool)
    return pool
  }

  const pump = (pool: Pool): void => {
    for (;;) {
      const consumer = leastBusy(pool.consumers)
      const task = consumer === null ? null : takeTurn(pool)
      if (consumer === null || task === null) return
      const { id } = task
      const running = settle(consumer.handler, task, onError).then(() => {
        known.delete(id)
        consumer.running.delete(running)
        pump(pool)
      })
      consumer.running.add(running)
    }
  }

  return {
    size: () => known.size,
    add(task: TaskRef): void {
      if (known.has(task.id)) return
      const pool = poolNamed(task.pool)
      known.set(task.id, task)
      const waiting = pool.waiting.get(task.executionId)
      if (waiting) waiting.set(task.id, task)
      else pool.waiting.set(task.executionId, new Map([[task.id, task]]))
      queueMicrotask(() => pump(pool))
    },
    remove(taskId: string): void {
      const task = known.get(taskId)
      if (task === undefined) return
      const { waiting } = poolNamed(task.pool)
      const tasks = waiting.get(task.executionId)
      if (!tasks?.delete(taskId)) return
      known.delete(taskId)
      if (tasks.size === 0) waiting.delete(task.executionId)
    },
    consume(name: string, { concurrency }: ConsumeOptions, handler: Handler): Stop {
      const pool = poolNamed(name)
      const consumer: Consumer = { concurrency, handler, running: new Set() }
      pool.consumers.add(consumer)
      queueMicrotask(() => pump(pool))
      return async () => {
        pool.consumers.delete(consumer)
        await Promise.all(consumer.running)
      }
    },
    async stop(): Promise<void> {
      const consumers = [...pools.values()].flatMap((pool) => [...pool.consumers])
      for (const pool of pools.values()) pool.consumers.clear()
      await Promise.all(consumers.flatMap((consumer) => [...consumer.running]))
    },
  }
}

/** The first task of the execution whose turn it is; that goes behind the others. */
function takeTurn({ waiting }: Pool): TaskRef | null {
  for (const [executionId, tasks] of waiting) {
    waiting.delete(executionId)
    for (const [id, task] of tasks) {
      tasks.delete(id)
      if (tasks.size > 0) waiting.set(executionId, tasks)
      return task
    }
  }
  return null
}

async function settle(handler: Handler, task: TaskRef, onError: (error: unknown) => void): Promise<void> {
  try {
    await handler(task)
  } catch (error) {
    onError(error)
  }
}

/** The consumer with a free place that runs least; null when all are full. */
function leastBusy(consumers: Iterable<Consumer>): Consumer | null {
  let best: Consumer | null = null
  for (const consumer of consumers) {
    if (consumer.running.size >= consumer.concurrency) continue
    if (best === null || consumer.running.size < best.running.size) best = consumer
  }
  return best
}
