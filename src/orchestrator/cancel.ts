import { type Draft, type EventDraft, patch, record } from '../commit/draft.js'
import type { CommitQueue } from '../commit/queue.js'
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isFinished } from '../core/status.js'
import { storableText } from '../core/text.js'
import type { ExecutionEnding } from '../executions/record.js'
import type { Playbook } from '../playbook/model.js'
import { beginFinally, endEventName, endOf } from './advance/ending.js'
import type { OrchestratorDependencies } from './dependencies.js'
import type { ChangedExecution } from './orchestrator.js'
import type { ExecutionLookup } from './run/lookup.js'

export interface Cancelling {
  /**
   * Ends an execution on request: nothing of it is offered or written any more, once its `finally` has run; a second request ends that, too.
   * Cancelling a cancelled one returns it.
   * @throws TransientError NOT_FOUND; EXECUTION_FINISHED when it completed or failed
   */
  cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** Ends a child that nobody waits for any more, unless it has ended. */
  cancelOrphan(id: ExecutionId): Promise<void>
  /** Fails one whose time is up, unless it has ended, or runs its `finally`. */
  expire(id: ExecutionId): Promise<void>
}

interface CancelDependencies extends Pick<OrchestratorDependencies, 'clock'> {
  readonly commit: CommitQueue
  readonly lookup: ExecutionLookup
}

export function createCancel({ commit, clock, lookup }: CancelDependencies): Cancelling {
  async function push(executionId: ExecutionId, work: (draft: Draft, playbook: Playbook | null) => ChangedExecution) {
    // An execution goes without `finally` whose playbook is gone.
    const known = await lookup.of(executionId).catch(() => null)
    return commit.push({ executionId, needs: { isWhole: true }, work: (draft) => work(draft, known?.playbook ?? null) })
  }

  const cancel: Cancelling['cancel'] = (id, reason, actor) =>
    push(id, (draft, playbook) => {
      const { status, ending } = draft.execution
      if (draft.transaction === '') throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
      if (status === 'cancelled') return { ...draft.execution, isChanged: false }
      if (isFinished(status)) throw new TransientError('EXECUTION_FINISHED', `execution ${id} has already ${status}`)
      const data = { actor, reason: reason === null ? null : storableText(reason) }
      const isSecond = ending !== null
      if (isSecond) patch(draft, { ending: { status: 'cancelled', error: ending.error } })
      end(draft, { ending: { status: 'cancelled', error: null }, playbook: isSecond ? null : playbook, data, now: clock.now() })
      return { ...draft.execution, isChanged: true }
    })

  return {
    cancel,
    async cancelOrphan(id) {
      try {
        await cancel(id, 'the parent execution ended', 'system')
      } catch (error) {
        if (!(error instanceof TransientError) || (error.code !== 'EXECUTION_FINISHED' && error.code !== 'NOT_FOUND')) throw error
      }
    },
    async expire(id) {
      await push(id, (draft, playbook) => {
        const { status, ending } = draft.execution
        if (draft.transaction === '' || isFinished(status) || ending !== null) return { ...draft.execution, isChanged: false }
        const message = `the execution did not end within ${playbook?.timeout ?? 0} s (timeout of the playbook)`
        const error = { code: 'TIMEOUT', message, step: null, attempt: null } as const
        end(draft, { ending: { status: 'failed', error }, playbook, data: { error: { ...error } }, now: clock.now() })
        return { ...draft.execution, isChanged: true }
      })
    },
  }
}

interface Ended extends Pick<EventDraft, 'data'> {
  readonly ending: ExecutionEnding
  readonly playbook: Playbook | null
  readonly now: Date
}

function end(draft: Draft, { ending, playbook, data, now }: Ended): void {
  const what = endOf(draft, playbook, ending)
  const seq = record(draft, [{ name: endEventName(what), step: null, run: null, attempt: null, data }])
  if (what.begins) {
    if (playbook) beginFinally(draft, { ending, end: what, playbook, seq })
    return
  }
  patch(draft, { ...what.ending, finishedAt: now })
  draft.endings.push({ parentRun: null, finishedSeq: seq })
}
