import type { ExecutionId } from '../../core/ids.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { listExpired } from '../../tasks/expired-store.js'
import { formatTaskId, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import {
  forgetEnsured,
  listOrphans,
  listOverdue,
  listResumable,
  listUnservedPools,
  takeDueTasks,
  type WaitingTask,
} from '../../tasks/store.js'
import type { OrchestratorDependencies } from '../dependencies.js'

const PERIOD_MS = 1000
const BATCH = 1000
/** So many at once: the connections are there for others, too. */
const AT_ONCE = 8
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

interface RelayDependencies
  extends Pick<OrchestratorDependencies, 'db' | 'bus' | 'leaseMs' | 'limits' | 'logger' | 'retention' | 'expiry'> {
  readonly resume: (key: TaskKey) => Promise<void>
  /** Ends a task whose attempt, or whose child, did not end in its time. */
  readonly expire: (task: TaskRecord) => Promise<void>
  /** Fails a task whose workers were lost too often. */
  readonly giveUp: (task: TaskRecord) => Promise<void>
  readonly cancelOrphan: (id: ExecutionId) => Promise<void>
  /** Fails an execution whose time is up. */
  readonly expireExecution: (id: ExecutionId) => Promise<void>
}

/** One thing that the relay does again and again, at its own pace; answers how long it rests. */
type Duty = () => Promise<number>

/**
 * Makes the engine's data again from the database, once a second: offers open, due tasks, ends attempts whose time is up, goes on with
 * parents whose child has ended, and ends children that nobody waits for. Each of these goes at its own pace, and each task by itself:
 * what is slow or fails keeps nothing else waiting. What it does is idempotent, so any number of processes may.
 */
export function createRelay(deps: RelayDependencies): Relay {
  const { db, bus, leaseMs, logger, retention, expiry, resume, expire, giveUp, cancelOrphan, expireExecution } = deps
  const timers = new Set<NodeJS.Timeout>()
  const rounds = new Set<Promise<void>>()
  let isStopped = false
  let wasHealthy = true
  /** What waited first in pools that nobody seemed to serve, and those of them that were named in the log. */
  let suspects: ReadonlyMap<string, WaitingTask> = new Map()
  let unserved: ReadonlySet<string> = new Set()

  /** A bus that is away may come back without what it was given. */
  async function offer(): Promise<number> {
    const { isHealthy } = await bus.health()
    if (isHealthy && !wasHealthy) await forgetEnsured(db, null)
    wasHealthy = isHealthy
    if (!isHealthy) return PERIOD_MS
    const tasks = await takeDueTasks(db, leaseMs, BATCH)
    const outcomes = await Promise.allSettled(
      tasks.map((task) =>
        task.deliveries >= deps.limits.maxDeliveries
          ? giveUp(task)
          : bus.ensure({ id: formatTaskId(task), executionId: task.executionId, pool: task.pool }),
      ),
    )
    const failed = tasks.filter((_, index) => outcomes[index]?.status === 'rejected')
    if (failed.length === 0) return PERIOD_MS
    logger.warn({ count: failed.length }, 'the bus did not take all tasks; they are offered again')
    await forgetEnsured(db, failed)
    return PERIOD_MS
  }

  /** Does something for each of a list, a page in each round: those that fail again and again keep none of the others waiting. */
  function forEach<T>(
    list: (after: T | null) => Promise<T[]>,
    work: (item: T) => Promise<void>,
    name: (item: T) => string,
  ): Duty {
    let after: T | null = null
    return async () => {
      const items = await list(after)
      after = items.length < BATCH ? null : (items.at(-1) ?? null)
      const rest = items.values()
      const workers = Array.from({ length: AT_ONCE }, async () => {
        for (const item of rest) {
          await work(item).catch((error: unknown) => {
            // Another process has the key; that it is missing here stands in the log already.
            if (isMissingKey(error)) return
            logger.warn({ task: name(item), err: error }, 'the relay could not go on with a task; it tries again')
          })
        }
      })
      await Promise.all(workers)
      return PERIOD_MS
    }
  }

  /**
   * A pool that nobody serves may be a misspelt one: its steps wait for ever. It is said once, until someone serves it. Where a pool
   * is served, the task that waited first is taken until the next look, however long the others wait.
   */
  async function warnOfUnserved(): Promise<number> {
    const waiting = (await bus.health()).isHealthy ? await listUnservedPools(db) : []
    const untouched = waiting.filter(({ pool, ...first }) => isSame(suspects.get(pool), first))
    for (const { pool } of untouched.filter((one) => !unserved.has(one.pool))) {
      logger.warn(
        { pool },
        'steps wait in a pool that no worker serves: start one (transient worker --pool), or correct the pool of the step',
      )
    }
    unserved = new Set(untouched.map(({ pool }) => pool))
    suspects = new Map(waiting.map((one) => [one.pool, one]))
    return UNSERVED_MS
  }

  async function endExpired(): Promise<number> {
    await expiry?.runOnce()
    return PERIOD_MS
  }

  async function retain(): Promise<number> {
    const began = performance.now()
    await retention?.runOnce()
    const { min, max } = RETENTION_PERIOD_MS
    return Math.min(max, Math.max(min, (performance.now() - began) / RETENTION_SHARE))
  }

  const duties: readonly Duty[] = [
    offer,
    forEach<TaskRecord>((after) => listOverdue(db, BATCH, after), expire, formatTaskId),
    forEach<TaskRecord>((after) => listResumable(db, BATCH, after), resume, formatTaskId),
    forEach<ExecutionId>(
      (after) => listOrphans(db, BATCH, after),
      cancelOrphan,
      (id) => id,
    ),
    forEach<ExecutionId>(
      (after) => listExpired(db, BATCH, after),
      expireExecution,
      (id) => id,
    ),
    ...(expiry ? [endExpired] : []),
  ]

  function repeat(duty: Duty, inMs: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      const round = duty()
        .catch((error: unknown) => {
          logger.warn({ err: error }, 'the relay could not finish a round')
          return PERIOD_MS
        })
        .then((restMs) => {
          rounds.delete(round)
          if (!isStopped) repeat(duty, restMs)
        })
      rounds.add(round)
    }, inMs)
    timers.add(timer)
  }

  return {
    async runOnce() {
      await Promise.all(duties.map((duty) => duty()))
    },
    start() {
      // One after the other, so that an idle server needs one connection for them and not one for each.
      for (const [index, duty] of duties.entries()) repeat(duty, (index * PERIOD_MS) / duties.length)
      repeat(warnOfUnserved, UNSERVED_MS)
      if (retention) repeat(retain, RETENTION_PERIOD_MS.min)
    },
    async stop() {
      isStopped = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(rounds)
    },
  }
}

function isSame(left: WaitingTask | undefined, right: Omit<WaitingTask, 'pool'>): boolean {
  return left !== undefined && left.id === right.id && left.deliveries === right.deliveries
}
