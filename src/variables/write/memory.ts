import { LRUCache } from 'lru-cache'
import type { ExecutionId } from '../../core/ids.js'
import type { VariableRecord, VariableWrite } from '../record.js'
import type { LockedExecution } from './batch-store.js'
import { newDraft, type WriteDraft } from './write-draft.js'

/** What all of it may take, about. */
const MAX_BYTES = 32 * 1024 * 1024
/** Of a variable besides its value, and of an execution, about. */
const RECORD_BYTES = 400
/** An execution that was out of date so often within so long is one that others write to, too, and is not remembered meanwhile. */
const MISSES = 2
const MISSES_MS = 10_000
const MAX_MISSED = 10_000

interface Remembered {
  /** As its row was when this process last wrote or locked it. */
  readonly execution: LockedExecution
  readonly present: Map<string, VariableRecord>
  readonly tombstones: Map<string, number>
  /** Whether a variable that is in neither of them was never there. */
  readonly isWhole: boolean
}

/** A draft over what was remembered, with all that was. */
export interface RememberedDraft extends WriteDraft {
  readonly isWhole: boolean
}

/**
 * What the writes of this process know of executions, so that the next one need not ask. It may be out of date: whoever writes over it
 * lets PostgreSQL compare the row (optimistic concurrency control, Kung and Robinson, ACM Transactions on Database Systems 6(2), 1981).
 */
export interface Memory {
  /** null unless all is remembered that these writes are folded over. What is taken is forgotten until it is put back. */
  take(executionId: ExecutionId, writes: readonly VariableWrite[]): RememberedDraft | null
  /** A draft that was taken, when it was written by this transaction. */
  putBack(draft: RememberedDraft, transaction: string): void
  /** A draft that was taken was out of date. */
  miss(executionId: ExecutionId): void
  /** What transactions that locked and loaded have left, when they committed. `created`: the executions that began with them. */
  learn(drafts: readonly WriteDraft[], created: ReadonlySet<ExecutionId>): void
}

export function createMemory(): Memory {
  const executions = new LRUCache<ExecutionId, Remembered>({ maxSize: MAX_BYTES, sizeCalculation: sizeOf })
  const misses = new LRUCache<ExecutionId, number>({ max: MAX_MISSED, ttl: MISSES_MS })
  const missesOf = (id: ExecutionId) => misses.get(id) ?? 0

  function learnOne(draft: WriteDraft, isWhole: boolean): void {
    const { present, tombstones } = draft
    const { id, writtenBy, transaction } = draft.execution
    const known = executions.get(id)
    executions.delete(id)
    if (missesOf(id) >= MISSES || !isMemorable(draft)) return
    const execution = draft.changes.length > 0 ? asWritten(draft, transaction) : draft.execution
    const isSame = known !== undefined && known.execution.writtenBy === writtenBy
    executions.set(id, isSame ? merged(known, draft, execution) : { execution, present, tombstones, isWhole })
  }

  return {
    take(executionId, writes) {
      const known = executions.get(executionId)
      if (known === undefined || !writes.every((write) => isKnown(known, write))) return null
      executions.delete(executionId)
      const { present, tombstones, isWhole } = known
      return { ...newDraft(known.execution), present, tombstones, isWhole }
    },
    putBack(draft, transaction) {
      const { present, tombstones, isWhole, execution } = draft
      executions.set(execution.id, { execution: asWritten(draft, transaction), present, tombstones, isWhole })
    },
    miss: (executionId) => void misses.set(executionId, missesOf(executionId) + 1),
    learn(drafts, created) {
      for (const draft of drafts) learnOne(draft, created.has(draft.execution.id))
    },
  }
}

function sizeOf({ execution, present, tombstones }: Remembered): number {
  return execution.variableBytes + (present.size + tombstones.size + 1) * RECORD_BYTES
}

/** What deletes and what is secret is folded over what PostgreSQL has. */
function isKnown({ present, tombstones, isWhole }: Remembered, write: VariableWrite): boolean {
  if (write.operation === 'delete' || (write.operation === 'set' && write.isSensitive === true)) return false
  return isWhole || present.has(write.name) || tombstones.has(write.name)
}

function isMemorable({ execution, present }: WriteDraft): boolean {
  if (execution.status !== 'running' || execution.declared.size > 0) return false
  return [...present.values()].every((variable) => variable.sealed === null)
}

function asWritten({ execution }: WriteDraft, transaction: string): LockedExecution {
  return { ...execution, writtenBy: transaction, knownSeq: execution.eventSeq }
}

/** The row was as remembered, so that what was loaded only adds to it. */
function merged(known: Remembered, { present, tombstones }: WriteDraft, execution: LockedExecution): Remembered {
  for (const [name, version] of tombstones) {
    known.tombstones.set(name, version)
    known.present.delete(name)
  }
  for (const [name, variable] of present) known.present.set(name, variable)
  return { ...known, execution }
}
