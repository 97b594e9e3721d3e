import { createCommitQueue } from '../../commit/queue.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { insertNewExecutions, type NewExecution } from './new-execution-store.js'

/** Executions in one statement, at most, and the characters of what they were given. */
const MAX_EXECUTIONS = 64
const MAX_SIZE = 1024 * 1024
const MAX_STATEMENTS = 2

export type InsertExecution = (planned: NewExecution) => Promise<ExecutionRecord>

/** Group commit of starts: executions that begin at the same time share a statement. */
export function createStartQueue(db: Database): InsertExecution {
  const queue = createCommitQueue<NewExecution, ExecutionRecord>({
    executionOf: ({ origin }) => origin.id,
    sizeOf: ({ texts: { workload, payload } }) =>
      Math.max(MAX_SIZE / MAX_EXECUTIONS, (workload?.length ?? 0) + (payload?.length ?? 0)),
    ...{ maxSize: MAX_SIZE, maxTransactions: MAX_STATEMENTS },
    commit: async (executions) => (await insertNewExecutions(db, executions)).map((value) => ({ value })),
  })
  return queue.push
}
