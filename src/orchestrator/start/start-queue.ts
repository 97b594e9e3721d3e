import { createCommitQueue } from '../../commit/queue.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { type Birth, insertBirths } from './birth-store.js'

/** Executions in one statement, at most, and the characters of what they were given. */
const MAX_BIRTHS = 64
const MAX_SIZE = 1024 * 1024
const MAX_STATEMENTS = 2

export type InsertBirth = (birth: Birth) => Promise<ExecutionRecord>

/** Group commit of starts: executions that begin at the same time share a statement. */
export function createStartQueue(db: Database): InsertBirth {
  const queue = createCommitQueue<Birth, ExecutionRecord>({
    executionOf: ({ origin }) => origin.id,
    sizeOf: ({ texts: { workload, payload } }) =>
      Math.max(MAX_SIZE / MAX_BIRTHS, (workload?.length ?? 0) + (payload?.length ?? 0)),
    ...{ maxSize: MAX_SIZE, maxTransactions: MAX_STATEMENTS },
    commit: async (births) => (await insertBirths(db, births)).map((value) => ({ value })),
  })
  return queue.push
}
