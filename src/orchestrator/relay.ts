import type { ExecutionId } from '../core/ids.js'
import { formatTaskId, type TaskKey, type TaskRecord } from '../tasks/record.js'
import { forgetEnsured, listOrphans, listOverdue, listResumable, listUnservedPools, takeDueTasks } from '../tasks/store.js'
import type { OrchestratorDependencies } from './dependencies.js'

const PERIOD_MS = 1000
const BATCH = 1000
/** A worker that comes back after a restart is back by then. */
const UNSERVED_MS = 30_000
/** Retention may have this part of the time, so that a large database is looked through less often than a small one. */
const RETENTION_SHARE = 0.01
const RETENTION_PERIOD_MS = { min: 2_000, max: 60_000 }

export interface Relay {
  /** One round, at once. */
  runOnce(): Promise<void>
  start(): void
  stop(): Promise<void>
}

interface RelayDependencies extends Pick<OrchestratorDependencies, 'db' | 'bus' | 'leaseMs' | 'limits' | 'logger' | 'retention'> {
  readonly resume: (key: TaskKey) => Promise<void>
  /** Ends a task whose child has run longer than its timeout. */
  readonly expire: (task: TaskRecord) => Promise<void>
  /** Fails a task whose workers were lost too often. */
  readonly giveUp: (task: TaskRecord) => Promise<void>
  readonly cancelOrphan: (id: ExecutionId) => Promise<void>
}

/**
 * Makes the engine's data again from the database, once a second: offers open, due tasks, goes on with parents whose
 * child has ended or is overdue, and ends children that nobody waits for. What it does is idempotent, so any number of processes may.
 */
export function createRelay(deps: RelayDependencies): Relay {
  const { db, bus, leaseMs, logger, retention, resume, expire, giveUp, cancelOrphan } = deps
  let timer: NodeJS.Timeout | null = null
  let round: Promise<void> = Promise.resolve()
  let isStopped = false
  let wasHealthy = true
  let unserved: readonly string[] = []
  let unservedAt = performance.now() + UNSERVED_MS
  let retentionAt = performance.now() + RETENTION_PERIOD_MS.min

  /** A bus that is away has no part in the rest of the round, and may come back without what it was given. */
  async function offer(): Promise<void> {
    const { isHealthy } = await bus.health()
    if (isHealthy && !wasHealthy) await forgetEnsured(db, null)
    wasHealthy = isHealthy
    if (!isHealthy) return
    const tasks = await takeDueTasks(db, leaseMs, BATCH)
    const outcomes = await Promise.allSettled(
      tasks.map((task) =>
        task.deliveries >= deps.limits.maxDeliveries
          ? giveUp(task)
          : bus.ensure({ id: formatTaskId(task), executionId: task.executionId, pool: task.pool }),
      ),
    )
    const failed = tasks.filter((_, index) => outcomes[index]?.status === 'rejected')
    if (failed.length === 0) return
    logger.warn({ count: failed.length }, 'the bus did not take all tasks; they are offered again')
    await forgetEnsured(db, failed)
  }

  async function runOnce(): Promise<void> {
    await offer()
    for (const task of await listResumable(db, BATCH)) await resume(task)
    for (const task of await listOverdue(db, BATCH)) await expire(task)
    for (const id of await listOrphans(db, BATCH)) await cancelOrphan(id)
    if (performance.now() >= unservedAt) await warnOfUnserved()
    if (retention && performance.now() >= retentionAt) await retain(retention)
  }

  /** A pool that nobody serves may be a misspelt one: its steps wait for ever. It is said once, until someone serves it. */
  async function warnOfUnserved(): Promise<void> {
    unservedAt = performance.now() + UNSERVED_MS
    const pools = await listUnservedPools(db, UNSERVED_MS)
    for (const pool of pools.filter((name) => !unserved.includes(name))) {
      logger.warn(
        { pool },
        'steps wait in a pool that no worker serves: start one (transient worker --pool), or correct the pool of the step',
      )
    }
    unserved = pools
  }

  async function retain({ runOnce: retainOnce }: { runOnce(): Promise<unknown> }): Promise<void> {
    const began = performance.now()
    try {
      await retainOnce()
    } finally {
      const took = performance.now() - began
      const { min, max } = RETENTION_PERIOD_MS
      retentionAt = performance.now() + Math.min(max, Math.max(min, took / RETENTION_SHARE))
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
