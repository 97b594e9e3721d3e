import { createCommitQueue, type Outcome } from '../../commit/queue.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Database } from '../../db/database.js'
import { explainLock, isLockTimeout } from '../../executions/store.js'
import { EvaluationTimeout } from '../../template/index.js'
import { isInsertedMeanwhile } from '../../variables/write/load-store.js'
import type { AfterCommit } from '../after-commit.js'
import { type AdvanceDependencies, type AdvanceRequest, advanceBatch, VariableBusy } from './advance.js'
import { committedOf } from './draft.js'

/** Tasks in one transaction, at most. */
const MAX_TASKS = 32
const MAX_TRANSACTIONS = 2
/** So often a transaction is tried again in which somebody else inserts, by SQL, what was not there. */
const MAX_TRIES = 20

export interface AdvanceQueueDependencies extends AdvanceDependencies, Pick<AfterCommit, 'publish'> {
  readonly db: Database
  readonly elapsedMs?: (() => number) | undefined
}

export type Advance = <T>(request: AdvanceRequest<T>) => Promise<T>

/** Group commit of steps. What was committed is published, and each caller answered after that. */
export function createAdvanceQueue(deps: AdvanceQueueDependencies): Advance {
  const { db, publish, elapsedMs = () => performance.now() } = deps

  async function commit(requests: readonly AdvanceRequest<unknown>[], { isAlone }: { isAlone: boolean }) {
    const { answers, drafts } = await withAnotherTry(isAlone, (isLastTry) =>
      db.transaction((tx) => advanceBatch(tx, deps, { requests, isAlone, evaluationLimits: { elapsedMs, isLastTry } })),
    )
    const published = new Map<ExecutionId, Promise<void>>()
    for (const [id, draft] of drafts) if (draft.execution !== draft.before) published.set(id, publish(committedOf(draft)))
    return answers.map((answer, index): Outcome<unknown> => {
      if (answer === 'busy' || 'error' in answer) return answer
      return { ...answer, after: published.get(requests[index]?.key.executionId ?? '') }
    })
  }

  const queue = createCommitQueue<AdvanceRequest<unknown>, unknown>({
    executionOf: ({ key }) => key.executionId,
    sizeOf: () => 1,
    ...{ maxSize: MAX_TASKS, maxTransactions: MAX_TRANSACTIONS, commit },
    isWorthAnotherTry: (error) =>
      error instanceof EvaluationTimeout || error instanceof VariableBusy || isLockTimeout(error) || isInsertedMeanwhile(error),
  })
  return <T>(request: AdvanceRequest<T>) => queue.push(request) as Promise<T>
}

/**
 * A transaction of one execution. When the clock stops one of its templates, everything is rolled back and done once more; only if the clock stops
 * it again does the template fail, with TEMPLATE_FORBIDDEN.
 */
async function withAnotherTry<T>(isAlone: boolean, attempt: (isLastTry: boolean) => Promise<T>): Promise<T> {
  let isLastTry = false
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(isLastTry)
    } catch (error) {
      if (!isAlone) throw error
      if (error instanceof EvaluationTimeout && !isLastTry) isLastTry = true
      else if (!isInsertedMeanwhile(error) || tries >= MAX_TRIES) throw explainLock(error)
    }
  }
}
