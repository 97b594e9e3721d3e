import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { storableText } from '../core/text.js'
import type { Database } from '../db/database.js'
import type { ExecutionRecord } from '../executions/record.js'
import { appendEvents, lockExecution, updateExecution } from '../executions/store.js'
import type { TaskRecord } from '../tasks/record.js'
import { withdrawTasks } from '../tasks/store.js'
import { endRuns } from './advance/run-store.js'
import type { AfterCommit } from './after-commit.js'
import type { OrchestratorDependencies } from './dependencies.js'
import type { ChangedExecution } from './orchestrator.js'

interface Cancelled {
  readonly execution: ExecutionRecord
  readonly withdrawn: readonly TaskRecord[]
  readonly isChanged: boolean
}

export interface Cancelling {
  /**
   * Ends an execution on request: nothing of it is offered or written any more. Cancelling a cancelled one returns it.
   * @throws TransientError NOT_FOUND; EXECUTION_FINISHED when it completed or failed
   */
  cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** Ends a child that nobody waits for any more, unless it has ended. */
  cancelOrphan(id: ExecutionId): Promise<void>
}

type CancelDependencies = Pick<OrchestratorDependencies, 'db' | 'clock'> & Pick<AfterCommit, 'publish'>

export function createCancel({ db, clock, publish }: CancelDependencies): Cancelling {
  async function cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution> {
    const { execution, withdrawn, isChanged } = await cancelExecution(db, { id, reason, actor, now: clock.now() })
    if (isChanged) await publish({ execution, withdrawn })
    return { ...execution, isChanged }
  }
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

async function cancelExecution(
  db: Database,
  { id, reason, actor, now }: { id: ExecutionId; reason: string | null; actor: string; now: Date },
): Promise<Cancelled> {
  return db.transaction(async (tx) => {
    const execution = await lockExecution(tx, id)
    if (!execution) throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
    if (execution.status === 'cancelled') return { execution, withdrawn: [], isChanged: false }
    if (execution.status === 'completed' || execution.status === 'failed') {
      throw new TransientError('EXECUTION_FINISHED', `execution ${id} has already ${execution.status}`)
    }
    const events = [{ name: 'execution.cancelled', data: { actor, reason: reason === null ? null : storableText(reason) } }]
    const { revision } = execution
    const eventSeq = await appendEvents(tx, { executionId: id, eventSeq: execution.eventSeq, revision, events })
    const withdrawn = await withdrawTasks(tx, id)
    await endRuns(tx, id, { parentRun: null, finishedSeq: eventSeq })
    const patch = { status: 'cancelled' as const, eventSeq, finishedAt: now }
    await updateExecution(tx, id, patch)
    return { execution: { ...execution, ...patch }, withdrawn, isChanged: true }
  })
}
