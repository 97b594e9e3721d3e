import { errorMessage, isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { Database, Sql } from '../db/database.js'
import { instantsAfter, lastInstants } from './instants.js'
import { rhythmOf, type ScheduleRecord } from './record.js'
import { lockDue, noteFiring, runningOf, setNext, setPaused, untilNext } from './store.js'

/** How often it is looked for what is due, at least: other processes make schedules, too. */
const POLL_MS = 1_000
/** Schedules that are dealt with side by side. */
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

export interface SchedulerOptions {
  readonly db: Database
  readonly starter: Starter
  readonly logger: { warn(fields: object, message: string): void }
}

export interface Scheduler {
  start(): void
  /** Ends what is under way. */
  stop(): Promise<void>
}

/**
 * One in every process: it takes a schedule that is due, and that no other process has locked, starts its instants, and sets the next one. What a process
 * leaves that is killed meanwhile, the next one does: each instant has an idempotency key of its own, so that it fires once.
 */
export function createScheduler({ db, starter, logger }: SchedulerOptions): Scheduler {
  let timer: NodeJS.Timeout | null = null
  let round: Promise<void> = Promise.resolve()
  let isStopped = false
  let isBlind = false

  function sleep(ms: number): void {
    timer = setTimeout(() => {
      round = look()
    }, ms)
  }

  async function look(): Promise<void> {
    let restMs = POLL_MS
    try {
      const ms = await untilNext(db)
      if (ms !== null && ms <= 0) await Promise.all(Array.from({ length: AT_ONCE }, fireAll))
      const next = ms !== null && ms <= 0 ? await untilNext(db) : ms
      if (next !== null) restMs = Math.min(POLL_MS, Math.max(0, Math.ceil(next)))
      isBlind = false
    } catch (error) {
      if (!isBlind) logger.warn({ reason: errorMessage(error) }, 'schedules cannot start anything at the moment')
      isBlind = true
    }
    if (!isStopped) sleep(restMs)
  }

  async function fireAll(): Promise<void> {
    while (!isStopped && (await db.transaction(fireNext)));
  }

  /** Deals with one schedule that is due; false where there is none. */
  async function fireNext(tx: Sql): Promise<boolean> {
    const due = await lockDue(tx)
    if (due === null) return false
    const { schedule, now } = due
    const rhythm = rhythmOf(schedule)
    for (const instant of chosen(schedule, now)) {
      const reason = await fire(tx, schedule, instant)
      if (reason === null) continue
      await setPaused(tx, schedule.name, { isPaused: true, reason })
      logger.warn({ schedule: schedule.name, reason }, 'a schedule was paused: it cannot start its playbook')
      return true
    }
    const { value: next } = instantsAfter(rhythm, now).next()
    if (next) await setNext(tx, schedule.id, next)
    else await setPaused(tx, schedule.name, { isPaused: true, reason: 'there is no further instant' })
    return true
  }

  /** Why the schedule cannot start anything any more; null: it has, or it need not. */
  async function fire(
    tx: Sql,
    { id, name, path, version, workload, overlap }: ScheduleRecord,
    instant: Date,
  ): Promise<string | null> {
    const running = overlap === 'allow' ? [] : await runningOf(tx, id)
    if (overlap === 'skip' && running.length > 0) return null
    for (const one of running) {
      await starter.cancel(one, `schedule "${name}" starts the next one`, `schedule:${name}`).catch(ignoreEnded)
    }
    try {
      const idempotencyKey = `schedule ${id} ${instant.toISOString()}`
      const execution = await starter.start({ path, version, workload, idempotencyKey })
      await noteFiring(tx, id, { instant, executionId: execution.id })
      return null
    } catch (error) {
      // What was changed since a process that was killed had started this instant is for the next one.
      if (isTransientError(error) && error.code === 'CONFLICT') return null
      if (!isTransientError(error) || !FINAL.has(error.code)) throw error
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

/** What no later try would change. */
const FINAL: ReadonlySet<string> = new Set(['NOT_FOUND', 'PLAYBOOK_INVALID', 'VALIDATION', 'SCHEMA', 'TOO_LARGE'])

function ignoreEnded(error: unknown): void {
  if (!isTransientError(error) || !['EXECUTION_FINISHED', 'NOT_FOUND'].includes(error.code)) throw error
}

/** The instants to start now: those in time, and of those that were missed what `missed` says. */
function chosen(schedule: ScheduleRecord, now: Date): Date[] {
  const due = lastInstants(rhythmOf(schedule), { from: schedule.nextAt, to: now, max: MAX_MISSED + 2 })
  const isLate = (at: Date) => now.getTime() - at.getTime() > LATE_MS
  const late = due.filter(isLate)
  const inTime = due.filter((at) => !isLate(at))
  if (schedule.missed === 'none') return inTime
  return [...late.slice(schedule.missed === 'last' ? -1 : -MAX_MISSED), ...inTime]
}
