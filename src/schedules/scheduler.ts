import { ERRORS, errorMessage, isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { Database, Sql } from '../db/database.js'
import { instantsAfter, lastInstants } from './instants.js'
import { rhythmOf, type ScheduleRecord } from './record.js'
import { executionOfKey, lockDue, noteFiring, runningOf, setNext, setPaused, untilNext } from './store.js'

/** How often it is looked for what is due, at least: other processes make schedules, too. */
const POLL_MS = 1_000
/** How soon it is looked again after what is due could not be dealt with: another process has locked it, or it failed. */
const BUSY_MS = 50
/** How long a schedule rests whose start failed for a reason that passes. */
const REST_MS = 1_000
/** Schedules that are dealt with side by side: each holds a connection while its execution starts over another one, of the 16 there are. */
const AT_ONCE = 4
/** An instant is missed when it is later than that. */
const LATE_MS = 2_000
/** Of instants that were missed. */
const MAX_MISSED = 100

/** What starts and cancels executions. */
export interface Starter {
  start(request: {
    readonly path: string
    readonly version: number | null
    readonly workload: JsonObject | null
    readonly idempotencyKey: string
  }): Promise<{ readonly id: ExecutionId }>
  cancel(id: ExecutionId, reason: string | null, actor: string): Promise<unknown>
}

/** Told what became of each instant that was in time or made up for. */
export interface ScheduleObserver {
  instantEnded(outcome: 'started' | 'skipped' | 'paused'): void
}

export interface SchedulerOptions {
  readonly db: Database
  readonly starter: Starter
  readonly observer?: ScheduleObserver | undefined
  readonly logger: { warn(fields: object, message: string): void }
}

export interface Scheduler {
  start(): void
  /** Ends what is under way. */
  stop(): Promise<void>
}

/**
 * One in every process: it takes a schedule that is due, and that no other process has locked, starts its first instant, and sets the next one, in one transaction. What a
 * process leaves that is killed meanwhile, another does: each instant has an idempotency key of its own, so that it fires once.
 */
export function createScheduler({ db, starter, observer, logger }: SchedulerOptions): Scheduler {
  let timer: NodeJS.Timeout | null = null
  let round: Promise<void> = Promise.resolve()
  let isStopped = false
  let isBlind = false
  /** Schedules whose start failed, until when they rest. */
  const resting = new Map<string, number>()

  function sleep(ms: number): void {
    timer = setTimeout(() => {
      round = look()
    }, ms)
  }

  async function look(): Promise<void> {
    let restMs = POLL_MS
    try {
      let ms = await untilNext(db)
      if (ms !== null && ms <= 0) {
        const fired = await Promise.allSettled(Array.from({ length: AT_ONCE }, fireAll))
        for (const one of fired) if (one.status === 'rejected') throw one.reason
        ms = await untilNext(db)
      }
      if (ms !== null) restMs = ms <= 0 ? BUSY_MS : Math.min(POLL_MS, Math.ceil(ms))
      isBlind = false
    } catch (error) {
      if (!isBlind) logger.warn({ reason: errorMessage(error) }, 'schedules cannot start anything at the moment')
      isBlind = true
    }
    if (!isStopped) sleep(restMs)
  }

  async function fireAll(): Promise<void> {
    while (!isStopped && (await fireNext()));
  }

  /** Deals with one instant of a schedule that is due; false where there is none. */
  async function fireNext(): Promise<boolean> {
    const now = performance.now()
    for (const [id, until] of resting) if (until <= now) resting.delete(id)
    let schedule: ScheduleRecord | null = null
    try {
      return await db.transaction(async (tx) => {
        const due = await lockDue(tx, [...resting.keys()])
        schedule = due?.schedule ?? null
        if (due !== null) await advance(tx, due.schedule, due.now)
        return due !== null
      })
    } catch (error) {
      if (schedule === null) throw error
      // The others go on meanwhile.
      const { id, name } = schedule as ScheduleRecord
      resting.set(id, now + REST_MS)
      logger.warn({ schedule: name, reason: errorMessage(error) }, 'a schedule could not start its playbook; it is tried again')
      return true
    }
  }

  /** One step forward: to the first instant that is to be started, or from it to the one after it. */
  async function advance(tx: Sql, schedule: ScheduleRecord, now: Date): Promise<void> {
    const { id, name, nextAt } = schedule
    // A process was killed after it had started this one.
    const started = await executionOfKey(tx, keyOf(schedule, nextAt))
    if (started !== null) await noteFiring(tx, id, { instant: nextAt, executionId: started })
    else {
      const first = firstToStart(schedule, now)
      if (first.getTime() !== nextAt.getTime()) return setNext(tx, id, first)
      const refusal = await fire(tx, schedule)
      if (refusal !== null) {
        await setPaused(tx, name, { isPaused: true, reason: refusal })
        logger.warn({ schedule: name, reason: refusal }, 'a schedule was paused: it cannot start its playbook')
        return observer?.instantEnded('paused')
      }
    }
    const { value: next } = instantsAfter(rhythmOf(schedule), nextAt).next()
    if (next) await setNext(tx, id, next)
    else await setPaused(tx, name, { isPaused: true, reason: 'there is no further instant' })
  }

  /** Starts the next instant. Why the schedule cannot start anything any more; null: it has, or it need not. */
  async function fire(tx: Sql, schedule: ScheduleRecord): Promise<string | null> {
    const { id, name, path, version, workload, overlap, nextAt } = schedule
    const running = overlap === 'allow' ? [] : await runningOf(tx, id)
    if (overlap === 'skip' && running.length > 0) {
      observer?.instantEnded('skipped')
      return null
    }
    for (const one of running) {
      await starter.cancel(one, `schedule "${name}" starts the next one`, `schedule:${name}`).catch(ignoreEnded)
    }
    try {
      const execution = await starter.start({ path, version, workload, idempotencyKey: keyOf(schedule, nextAt) })
      await noteFiring(tx, id, { instant: nextAt, executionId: execution.id })
      observer?.instantEnded('started')
      return null
    } catch (error) {
      if (!isTransientError(error) || ERRORS[error.code].isRetryable) throw error
      // Its key is spent on an execution that is gone, or what runs already does not let it start.
      if (error.code === 'CONFLICT') {
        observer?.instantEnded('skipped')
        return null
      }
      return `${error.code}: ${error.message}`
    }
  }

  return {
    start: () => sleep(0),
    async stop() {
      isStopped = true
      if (timer) clearTimeout(timer)
      await round
    },
  }
}

function keyOf({ id }: ScheduleRecord, instant: Date): string {
  return `schedule ${id} ${instant.toISOString()}`
}

function ignoreEnded(error: unknown): void {
  if (!isTransientError(error) || !['EXECUTION_FINISHED', 'NOT_FOUND'].includes(error.code)) throw error
}

/** Of the instants that are due the first to start: one in time, or one that was missed, by what `missed` says. Where there is none, the next to come. */
function firstToStart(schedule: ScheduleRecord, now: Date): Date {
  const rhythm = rhythmOf(schedule)
  const due = lastInstants(rhythm, { from: schedule.nextAt, to: now, max: MAX_MISSED + LATE_MS / 1000 + 1 })
  const isLate = (at: Date) => now.getTime() - at.getTime() > LATE_MS
  const late = due.filter(isLate)
  const kept = { last: 1, all: MAX_MISSED, none: 0 }[schedule.missed]
  const first = late[Math.max(0, late.length - kept)] ?? due.find((at) => !isLate(at))
  return first ?? instantsAfter(rhythm, now).next().value ?? schedule.nextAt
}
