import type { TaskRef } from '../bus/bus.js'
import type { ExecutionId } from '../core/ids.js'
import { formatTaskId, type TaskKey, type TaskRecord } from '../tasks/record.js'
import { listOrphans, listOverdue, listResumable, takeDueTasks } from '../tasks/store.js'
import type { OrchestratorDependencies } from './dependencies.js'

const PERIOD_MS = 1000
const BATCH = 1000
const RETENTION_PERIOD_MS = 60_000

export interface Relay {
  /** One round, at once. */
  runOnce(): Promise<void>
  start(): void
  stop(): Promise<void>
}

interface RelayDependencies extends Pick<OrchestratorDependencies, 'db' | 'bus' | 'leaseMs' | 'logger' | 'retention'> {
  readonly resume: (key: TaskKey) => Promise<void>
  /** Ends a task whose child has run longer than its timeout. */
  readonly expire: (task: TaskRecord) => Promise<void>
  readonly cancelOrphan: (id: ExecutionId) => Promise<void>
}

/**
 * Makes the engine's data again from the database, once a second: offers open, due tasks, goes on with parents whose
 * child has ended or is overdue, and ends children that nobody waits for. What it does is idempotent, so any number of processes may.
 */
export function createRelay({ db, bus, leaseMs, logger, retention, resume, expire, cancelOrphan }: RelayDependencies): Relay {
  let timer: NodeJS.Timeout | null = null
  let round: Promise<void> = Promise.resolve()
  let isStopped = false
  let trimmedAt = performance.now()

  async function runOnce(): Promise<void> {
    for (const task of await takeDueTasks(db, leaseMs, BATCH)) {
      const ref: TaskRef = { id: formatTaskId(task), executionId: task.executionId, pool: task.pool }
      await bus.ensure(ref)
    }
    for (const task of await listResumable(db, BATCH)) await resume(task)
    for (const task of await listOverdue(db, BATCH)) await expire(task)
    for (const id of await listOrphans(db, BATCH)) await cancelOrphan(id)
    if (retention && performance.now() - trimmedAt > RETENTION_PERIOD_MS) {
      trimmedAt = performance.now()
      await retention.runOnce()
    }
  }

  function tick(): void {
    round = runOnce()
      .catch((error: unknown) => logger.warn({ err: error }, 'the relay could not finish a round'))
      .then(() => {
        if (!isStopped) timer = setTimeout(tick, PERIOD_MS)
      })
  }

  return {
    runOnce,
    start: tick,
    async stop() {
      isStopped = true
      if (timer) clearTimeout(timer)
      await round
    },
  }
}
