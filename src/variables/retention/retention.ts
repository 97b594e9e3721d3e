import { type Clock, systemClock } from '../../core/clock.js'
import type { Database } from '../../db/database.js'
import {
  deleteEmptied,
  deleteIdempotencyKeys,
  deleteTrimmed,
  emptyExecution,
  findExpired,
  findOverLimit,
  moveOldestRevision,
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
  /** Executions whose oldest revision moved up. */
  readonly trimmed: number
  /** Executions of which only the row is left. */
  readonly purged: number
}

export interface Retention {
  /** One round, in small transactions; running it again, or on two processes at once, does no harm. */
  runOnce(): Promise<RetentionReport>
}

/** Trims change logs over their limit, and purges executions and idempotency keys past their days. */
export function createRetention({ db, historyLimit, retentionDays, clock = systemClock }: RetentionOptions): Retention {
  async function trim(): Promise<number> {
    let trimmed = 0
    for (const id of await findOverLimit(db, historyLimit)) {
      if (!(await moveOldestRevision(db, id, historyLimit))) continue
      trimmed += 1
      await deleteTrimmed(db, id)
    }
    return trimmed
  }

  async function purge(): Promise<number> {
    const before = new Date(clock.now().getTime() - retentionDays * DAY_MS)
    await deleteIdempotencyKeys(db, before)
    let purged = 0
    for (const id of await findExpired(db, before)) {
      if (!(await emptyExecution(db, id, before))) continue
      purged += 1
      await deleteEmptied(db, id)
    }
    return purged
  }

  return {
    async runOnce() {
      return { trimmed: await trim(), purged: await purge() }
    },
  }
}
