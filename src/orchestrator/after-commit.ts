import { errorMessage } from '../core/errors.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { TaskRecord } from '../tasks/record.js'
import type { NewTask } from '../tasks/store.js'
import type { EndedStep, OrchestratorLogger } from './dependencies.js'

/** What a transaction did to an execution. */
export interface Committed {
  readonly execution: ExecutionRecord
  /** Tasks that are to be offered. */
  readonly tasks: readonly NewTask[]
  readonly withdrawn: readonly TaskRecord[]
  /** Tasks that now wait for a child execution. */
  readonly waiting: readonly TaskRecord[]
  /** Revisions that were made. */
  readonly changeSets: number
  /** Visits and iterations that are over. */
  readonly ended: readonly EndedStep[]
}

export type Subscriber = (committed: Committed) => void | Promise<void>

/** The one event after each commit. Whatever a subscriber does is idempotent or lossy: a crash in between loses it, and the relay makes it again. */
export interface AfterCommit {
  /** Resolves when all subscribers have done what they do, one after another; never rejects. */
  publish(committed: Pick<Committed, 'execution'> & Partial<Committed>): Promise<void>
  subscribe(subscriber: Subscriber): void
}

export function createAfterCommit(logger: OrchestratorLogger): AfterCommit {
  const subscribers: Subscriber[] = []
  return {
    async publish(committed) {
      const whole = { tasks: [], withdrawn: [], waiting: [], changeSets: 0, ended: [], ...committed }
      for (const subscriber of subscribers) await followUp(logger, () => subscriber(whole))
    },
    subscribe: (subscriber) => void subscribers.push(subscriber),
  }
}

/** What follows a commit must not fail the caller: the relay tries it again. */
export async function followUp(logger: OrchestratorLogger, work: () => void | Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    logger.warn({ reason: errorMessage(error) }, 'a follow-up failed; the relay tries it again')
  }
}
