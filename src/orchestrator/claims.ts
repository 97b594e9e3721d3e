import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../core/errors.js'
import type { Database } from '../db/database.js'
import { SYSTEM_POOL } from '../tasks/record.js'
import { listClaimable } from '../tasks/store.js'
import { isStorableText } from '../variables/validate.js'
import type { Attempts } from './attempts.js'
import type { ClaimedTask, ClaimRequest } from './orchestrator.js'

const MAX_WAIT_MS = 60_000
const POLL_MS = 200
const CANDIDATES = 20

/**
 * Claims a task for a worker outside the process, waiting up to `waitMs` for one.
 * @throws TransientError VALIDATION for a wait out of bounds, an empty worker id, or the orchestrator's own pool
 */
export async function claimTask(deps: { db: Database; attempts: Attempts }, request: ClaimRequest): Promise<ClaimedTask | null> {
  check(request)
  const deadline = performance.now() + request.waitMs
  for (;;) {
    for (const candidate of await listClaimable(deps.db, request.pool, CANDIDATES)) {
      const task = await deps.attempts.begin(candidate, { id: request.workerId, isRemote: true })
      if (task) return task
    }
    const left = deadline - performance.now()
    if (left <= 0) return null
    await sleep(Math.min(POLL_MS, left))
  }
}

function check({ pool, workerId, waitMs }: ClaimRequest): void {
  const refuse = (field: string, message: string) =>
    new TransientError('VALIDATION', `${field}: ${message}`, { details: { field } })
  if (pool === '' || pool === SYSTEM_POOL || !isStorableText(pool))
    throw refuse('pool', `${JSON.stringify(pool)} is no pool of workers`)
  if (workerId === '' || workerId.length > 200 || !isStorableText(workerId)) {
    throw refuse('workerId', 'must have 1 to 200 characters, without NUL or half a surrogate pair')
  }
  if (!(waitMs >= 0 && waitMs <= MAX_WAIT_MS)) throw refuse('waitMs', `must be from 0 to ${MAX_WAIT_MS}`)
}
