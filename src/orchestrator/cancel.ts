import { type Draft, patch, record } from '../commit/draft.js'
import type { CommitQueue } from '../commit/queue.js'
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { storableText } from '../core/text.js'
import type { OrchestratorDependencies } from './dependencies.js'
import type { ChangedExecution } from './orchestrator.js'

export interface Cancelling {
  /**
   * Ends an execution on request: nothing of it is offered or written any more. Cancelling a cancelled one returns it.
   * @throws TransientError NOT_FOUND; EXECUTION_FINISHED when it completed or failed
   */
  cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** Ends a child that nobody waits for any more, unless it has ended. */
  cancelOrphan(id: ExecutionId): Promise<void>
}

export function createCancel({
  commit,
  clock,
}: Pick<OrchestratorDependencies, 'clock'> & { readonly commit: CommitQueue }): Cancelling {
  const cancel: Cancelling['cancel'] = (executionId, reason, actor) =>
    commit.push({ executionId, needs: { isWhole: true }, work: (draft) => end(draft, { reason, actor, now: clock.now() }) })
  return {
    cancel,
    async cancelOrphan(id) {
      try {
        await cancel(id, 'the parent execution ended', 'system')
      } catch (error) {
        if (!(error instanceof TransientError) || (error.code !== 'EXECUTION_FINISHED' && error.code !== 'NOT_FOUND')) throw error
      }
    },
  }
}

function end(draft: Draft, { reason, actor, now }: { reason: string | null; actor: string; now: Date }): ChangedExecution {
  const { id, status } = draft.execution
  if (draft.transaction === '') throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
  if (status === 'cancelled') return { ...draft.execution, isChanged: false }
  if (status === 'completed' || status === 'failed') {
    throw new TransientError('EXECUTION_FINISHED', `execution ${id} has already ${status}`)
  }
  const data = { actor, reason: reason === null ? null : storableText(reason) }
  const finishedSeq = record(draft, [{ name: 'execution.cancelled', step: null, run: null, attempt: null, data }])
  patch(draft, { status: 'cancelled', finishedAt: now })
  draft.endings.push({ parentRun: null, finishedSeq })
  return { ...draft.execution, isChanged: true }
}
