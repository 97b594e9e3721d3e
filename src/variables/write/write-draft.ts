import type { Hint } from '../../bus/bus.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { type ExecutionStatus, isFinished } from '../../core/status.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { WriteRequest, WriteResult } from '../requests.js'
import type { LockedExecution } from './batch-store.js'
import type { ChangeBatch, ChangedEvent } from './change-store.js'
import { foldChangeSet } from './fold.js'
import { createVariablesDraft, keepFolded, type VariablesDraft } from './variables-draft.js'

/** One execution while its change sets are folded: its row as it will be, and what there is to write. */
export interface WriteDraft extends VariablesDraft {
  execution: LockedExecution
  readonly events: ChangedEvent[]
}

export interface Folding {
  readonly now: Date
  readonly keyRing: KeyRing
}

/** What became of one change set. */
export type WriteAnswer = { readonly result: WriteResult } | { readonly error: TransientError }

export function newDraft(execution: LockedExecution): WriteDraft {
  return { ...createVariablesDraft(), execution, events: [] }
}

/** Folds one change set into a draft; one that is refused leaves it as it was. */
export function foldInto(draft: WriteDraft, { writes, actor }: WriteRequest, folding: Folding): WriteAnswer {
  const { execution, present, tombstones } = draft
  try {
    checkRunning(execution)
    const { declared } = execution
    const folded = foldChangeSet({ execution, present, tombstones, writes, actor, declared, ...folding })
    const { revision, variableCount, variableBytes, changes, outcomes } = folded
    if (changes.length === 0) return { result: { revision, outcomes } }
    keepFolded(draft, { changes, outcomes })
    const eventSeq = execution.eventSeq + 1
    const historyCount = execution.historyCount + changes.length
    draft.execution = { ...execution, revision, variableCount, variableBytes, eventSeq, historyCount }
    draft.events.push({ executionId: execution.id, seq: eventSeq, revision, actor, count: changes.length })
    return { result: { revision, outcomes } }
  } catch (error) {
    if (isTransientError(error)) return { error }
    throw error
  }
}

/** What drafts have to write, together. */
export function changesOf(drafts: readonly WriteDraft[], keyRing: KeyRing): ChangeBatch {
  return {
    changes: drafts.flatMap((draft) => draft.changes),
    executions: drafts.map((draft) => draft.execution),
    events: drafts.flatMap((draft) => draft.events),
    keyRing,
  }
}

/** For the bus, after the commit. */
export function hintOf({ id, revision, eventSeq }: Pick<LockedExecution, 'id' | 'revision' | 'eventSeq'>): Hint {
  return { executionId: id, revision, eventSeq }
}

/** @throws TransientError EXECUTION_FINISHED */
export function checkRunning({ id, status }: { readonly id: ExecutionId; readonly status: ExecutionStatus }): void {
  if (!isFinished(status)) return
  throw new TransientError('EXECUTION_FINISHED', `execution ${id} is ${status}: its variables can no longer be written`, {
    details: { status },
  })
}
