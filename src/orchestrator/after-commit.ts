import type { Draft } from '../commit/draft.js'
import { errorMessage } from '../core/errors.js'
import type { OrchestratorLogger } from './dependencies.js'

export type Subscriber = (draft: Draft) => void | Promise<void>

/** The one event after each commit. Whatever a subscriber does is idempotent or lossy: a crash in between loses it, and the relay makes it again. */
export interface AfterCommit {
  /** Resolves when all subscribers have done what they do, one after another; never rejects. */
  publish(draft: Draft): Promise<void>
  subscribe(subscriber: Subscriber): void
}

export function createAfterCommit(logger: OrchestratorLogger): AfterCommit {
  const subscribers: Subscriber[] = []
  return {
    async publish(draft) {
      for (const subscriber of subscribers) await followUp(logger, () => subscriber(draft))
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
