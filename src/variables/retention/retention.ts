import { type Clock, systemClock } from '../../core/clock.js'
import type { Database } from '../../db/database.js'
import {
  beyondRows,
  deleteEmptied,
  deleteIdempotencyKeys,
  deleteTrimmed,
  emptyExecution,
  FOUND,
  findExpired,
  findOverLimit,
  findSpaces,
  moveOldestRevision,
  writtenBefore,
} from './retention-store.js'

const DAY_MS = 24 * 60 * 60 * 1000

export interface RetentionOptions {
  readonly db: Database
  /** Rows of the change log kept for each execution. */
  readonly historyLimit: number
  /** How long an execution is kept after it ended, or was last written where no playbook started it. */
  readonly retentionDays: number
  readonly clock?: Clock
}

export interface RetentionReport {
  /** Executions and spaces whose oldest revision moved up. */
  readonly trimmed: number
  /** Executions of which only the row is left. */
  readonly purged: number
}

export interface Retention {
  /** One round, in small transactions; running it again, or on two processes at once, does no harm. */
  runOnce(): Promise<RetentionReport>
}

/** Trims change logs over their limit and spaces' past their days, and purges executions and idempotency keys past their days. */
export function createRetention({ db, historyLimit, retentionDays, clock = systemClock }: RetentionOptions): Retention {
  /** When all that was over the limit had been found: before, nobody looked here. */
  let lookedAt: number | null = null
  const daysAgo = () => new Date(clock.now().getTime() - retentionDays * DAY_MS)

  async function trim(): Promise<number> {
    const began = performance.now()
    const found = await findOverLimit(db, historyLimit, lookedAt === null ? null : began - lookedAt)
    let trimmed = 0
    for (const id of found) {
      if (!(await moveOldestRevision(db, id, beyondRows(historyLimit)))) continue
      trimmed += 1
      await deleteTrimmed(db, id)
    }
    if (found.length < FOUND) lookedAt = began
    return trimmed
  }

  /** A space is never purged: what it holds has no end. */
  async function trimSpaces(): Promise<number> {
    const isGoing = writtenBefore(daysAgo())
    let trimmed = 0
    for (let ids = await findSpaces(db, null); ids.length > 0; ids = await findSpaces(db, ids.at(-1) ?? null)) {
      for (const id of ids) {
        if (!(await moveOldestRevision(db, id, isGoing))) continue
        trimmed += 1
        await deleteTrimmed(db, id)
      }
    }
    return trimmed
  }

  async function purge(): Promise<number> {
    const before = daysAgo()
    await deleteIdempotencyKeys(db, before)
    let purged = 0
    for (const id of await findExpired(db, before)) {
      if (!(await emptyExecution(db, id, before))) continue
      purged += 1
      await deleteEmptied(db, id, before)
    }
    return purged
  }

  return {
    async runOnce() {
      return { trimmed: (await trim()) + (await trimSpaces()), purged: await purge() }
    },
  }
}
