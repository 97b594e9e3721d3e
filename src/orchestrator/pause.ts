import { type Draft, patch, record } from '../commit/draft.js'
import type { CommitQueue } from '../commit/queue.js'
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isFinished } from '../core/status.js'
import { storableText } from '../core/text.js'
import type { Database } from '../db/database.js'
import { offerAgain } from '../tasks/resume-store.js'
import type { ChangedExecution } from './orchestrator.js'

export interface Pausing {
  /**
   * Nothing new of an execution begins: what runs may end, and writes go on. One that is paused stays so.
   * @throws TransientError NOT_FOUND; EXECUTION_FINISHED; CONFLICT when it has not begun
   */
  pause(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** It goes on where it stood. @throws TransientError as `pause` */
  resume(id: ExecutionId, actor: string): Promise<ChangedExecution>
}

export function createPause({ db, commit }: { readonly db: Database; readonly commit: CommitQueue }): Pausing {
  const change = (executionId: ExecutionId, changing: Changing) =>
    commit.push({ executionId, needs: { isWhole: true }, work: (draft) => changed(draft, changing) })
  return {
    pause: (id, reason, actor) => change(id, { from: 'running', to: 'paused', actor, reason }),
    async resume(id, actor) {
      const execution = await change(id, { from: 'paused', to: 'running', actor, reason: null })
      // Those that came meanwhile were offered to nobody, or to workers that could not begin them.
      if (execution.isChanged) await offerAgain(db, id)
      return execution
    },
  }
}

interface Changing {
  readonly from: 'running' | 'paused'
  readonly to: 'running' | 'paused'
  readonly actor: string
  readonly reason: string | null
}

function changed(draft: Draft, { from, to, actor, reason }: Changing): ChangedExecution {
  const { id, status } = draft.execution
  if (draft.transaction === '') throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
  if (status === to) return { ...draft.execution, isChanged: false }
  if (isFinished(status)) throw new TransientError('EXECUTION_FINISHED', `execution ${id} is ${status}`, { details: { status } })
  if (status !== from) throw new TransientError('CONFLICT', `execution ${id} is ${status}`, { details: { status } })
  const name = to === 'paused' ? 'execution.paused' : 'execution.resumed'
  const said = reason === null ? {} : { reason: storableText(reason) }
  record(draft, [{ name, step: null, run: null, attempt: null, data: { actor, ...said } }])
  patch(draft, { status: to })
  return { ...draft.execution, isChanged: true }
}
