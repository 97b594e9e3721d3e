import type { Hint } from '../../bus/bus.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { type ExecutionStatus, isFinished } from '../../core/status.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { VariableRecord } from '../record.js'
import type { WriteRequest, WriteResult } from '../requests.js'
import { type FoldedChange, type FoldResult, foldChangeSet } from './fold.js'

/** A change, with what the statement that writes it has to know of its variable. */
export interface StoredChange extends FoldedChange {
  /** Created by this transaction, or created anew: else its row knows better when. */
  readonly isCreated: boolean
  /** What was loaded of it: a row that this transaction has locked, or compares. null: there was none, and whoever inserts one first makes the transaction fail. */
  readonly replaced: VariableRecord | null
}

/** Variables of a locked execution while change sets are folded one after another, before any of them is written. */
export interface VariablesDraft {
  /** Those that a change set may name, as they are now. */
  readonly present: Map<string, VariableRecord>
  /** Versions at which such variables were deleted. */
  readonly tombstones: Map<string, number>
  /** What was loaded of those that have changed since; null: there was no row. */
  readonly replaced: Map<string, VariableRecord | null>
  /** Names of variables that this transaction created. */
  readonly created: Set<string>
  readonly changes: StoredChange[]
}

export function createVariablesDraft(): VariablesDraft {
  return { present: new Map(), tombstones: new Map(), replaced: new Map(), created: new Set(), changes: [] }
}

/** Keeps what one fold decided, so that the next goes on from there. */
export function keepFolded(draft: VariablesDraft, { changes, outcomes }: Pick<FoldResult, 'changes' | 'outcomes'>): void {
  if (changes.length === 0) return
  const { present, tombstones, replaced, created } = draft
  for (const change of changes) {
    const { name } = change
    const before = present.get(name) ?? null
    if (!replaced.has(name)) replaced.set(name, before)
    if (before === null) created.add(name)
    draft.changes.push({ ...change, isCreated: created.has(name), replaced: replaced.get(name) ?? null })
  }
  for (const { name, variable } of outcomes) {
    if (variable) present.set(name, variable)
    else present.delete(name)
  }
  for (const { name, operation, version } of changes) if (operation === 'delete') tombstones.set(name, version)
}

/** What a batch of change sets moves on an execution's row. */
export interface ExecutionCounters {
  readonly id: ExecutionId
  readonly revision: number
  readonly eventSeq: number
  readonly variableCount: number
  readonly variableBytes: number
  readonly historyCount: number
  /** What an optimistic write goes by: the row that the change sets were folded over. */
  readonly known: KnownRow
}

/** An execution's row as it was read: by the transaction that wrote it, its last event, its count of variables, and the server that it was read from. */
export interface KnownRow {
  readonly writtenBy: string
  readonly seq: number
  readonly count: number
  readonly server: string
}

/** That a change set was written, for the execution's events. */
export interface ChangedEvent {
  readonly executionId: ExecutionId
  readonly seq: number
  readonly revision: number
  readonly actor: string
  readonly count: number
}

export interface ChangeBatch {
  /** In the order of revisions; one variable may change several times. */
  readonly changes: readonly StoredChange[]
  /** Empty where the caller saves the execution's row and its events. */
  readonly executions: readonly ExecutionCounters[]
  readonly events: readonly ChangedEvent[]
  /** Seals the history of what becomes sensitive. */
  readonly keyRing: KeyRing
}

/** What a batch needs of an execution's row; its workload may be large, and is left where it is. */
export interface LockedExecution extends ExecutionCounters {
  readonly status: ExecutionStatus
  /** Names that its playbook declares sensitive. */
  readonly declared: ReadonlySet<string>
  /** The id of the transaction that has it locked now. */
  readonly transaction: string
  /** Somebody has inserted or deleted rows by SQL: its counters are not what is there. */
  readonly isDrifted: boolean
}

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
export type WriteAnswer = { readonly value: WriteResult } | { readonly error: TransientError }

/** A change set, or that everything is to be deleted. */
export type QueuedWrite = Omit<WriteRequest, 'writes'> & { readonly writes: WriteRequest['writes'] | 'delete all' }

export function newDraft(execution: LockedExecution): WriteDraft {
  return { ...createVariablesDraft(), execution, events: [] }
}

/** Folds one change set into a draft; one that is refused leaves it as it was. */
export function foldInto(draft: WriteDraft, request: QueuedWrite, folding: Folding): WriteAnswer {
  const { execution, present, tombstones } = draft
  const { actor } = request
  try {
    checkRunning(execution)
    const { declared } = execution
    const writes =
      request.writes === 'delete all'
        ? [...present.keys()].map((name) => ({ operation: 'delete', name }) as const)
        : request.writes
    const folded = foldChangeSet({ execution, present, tombstones, writes, actor, declared, ...folding })
    const { revision, variableCount, variableBytes, changes, outcomes } = folded
    if (changes.length === 0) return { value: { revision, outcomes } }
    keepFolded(draft, { changes, outcomes })
    const eventSeq = execution.eventSeq + 1
    const historyCount = execution.historyCount + changes.length
    draft.execution = { ...execution, revision, variableCount, variableBytes, eventSeq, historyCount }
    draft.events.push({ executionId: execution.id, seq: eventSeq, revision, actor, count: changes.length })
    return { value: { revision, outcomes } }
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
function checkRunning({ id, status }: { readonly id: ExecutionId; readonly status: ExecutionStatus }): void {
  if (!isFinished(status)) return
  throw new TransientError('EXECUTION_FINISHED', `execution ${id} is ${status}: its variables can no longer be written`, {
    details: { status },
  })
}
