import { isTransientError } from '../../core/errors.js'
import type { Database } from '../../db/database.js'
import type { VariablesService } from '../service.js'
import { type Expired, forgetExpired, listExpired } from './expiry-store.js'

const BATCH = 500
/** The variable was written anew or deleted meanwhile, or can no longer be written: there is nothing left to do. */
const OVER: readonly string[] = ['CONFLICT', 'EXECUTION_FINISHED', 'VALIDATION']

export interface Expiry {
  /** One round; on two processes at once, or killed in the middle, it does no harm. Answers how many variables it deleted. */
  runOnce(): Promise<number>
}

interface ExpiryOptions {
  readonly db: Database
  readonly variables: Pick<VariablesService, 'write'>
}

/** Deletes variables whose `ttl` is over, as `system`: a write like any other, at the version that had the `ttl`. */
export function createExpiry({ db, variables }: ExpiryOptions): Expiry {
  async function end(expired: Expired): Promise<boolean> {
    const { executionId, name, version: expectedVersion } = expired
    const isDeleted = await variables
      .write({ executionId, writes: [{ operation: 'delete', name, expectedVersion }], actor: 'system' })
      .then(
        () => true,
        (error: unknown) => {
          if (isTransientError(error) && OVER.includes(error.code)) return false
          throw error
        },
      )
    await forgetExpired(db, expired)
    return isDeleted
  }

  return {
    async runOnce() {
      const outcomes = await Promise.allSettled((await listExpired(db, BATCH)).map(end))
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed) throw failed.reason
      return outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length
    },
  }
}
