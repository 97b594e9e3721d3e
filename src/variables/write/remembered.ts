import { LRUCache } from 'lru-cache'
import type { ExecutionId } from '../../core/ids.js'
import type { VariableRecord, VariableWrite } from '../record.js'
import { type LockedExecution, newDraft, type QueuedWrite, type WriteDraft } from './draft.js'

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
 * lets PostgreSQL compare the rows (optimistic concurrency control, Kung and Robinson, ACM Transactions on Database Systems 6(2), 1981).
 */
export interface RememberedExecutions {
  /** null unless all is remembered that these writes are folded over. What is taken is forgotten until it is put back. */
  take(executionId: ExecutionId, requests: readonly QueuedWrite[]): RememberedDraft | null
  /** A draft that was taken, when it was written by this transaction. */
  putBack(draft: RememberedDraft, transaction: string): void
  /** A draft that was taken was out of date, or locked by somebody. */
  miss(draft: RememberedDraft): void
  /** What transactions that locked and loaded have left, when they committed. `created`: the executions that began with them. */
  learn(drafts: readonly WriteDraft[], created: ReadonlySet<ExecutionId>): void
  /** The connection was lost: what is at its other end next may be another server. */
  forgetAll(): void
}

export function createRememberedExecutions(): RememberedExecutions {
  const executions = new LRUCache<ExecutionId, Remembered>({ maxSize: MAX_BYTES, sizeCalculation: sizeOf })
  const misses = new LRUCache<ExecutionId, number>({ max: MAX_MISSED, ttl: MISSES_MS })
  const missesOf = (id: ExecutionId) => misses.get(id) ?? 0
  /** By whom the rows of missed executions were written. */
  const missed = new LRUCache<ExecutionId, string>({ max: MAX_MISSED, ttl: MISSES_MS })

  function learnOne(draft: WriteDraft, isWhole: boolean): void {
    const { present, tombstones, execution } = draft
    const { id, known, transaction } = execution
    const before = executions.get(id)
    executions.delete(id)
    const writer = missed.get(id)
    missed.delete(id)
    if (writer !== undefined && writer !== known.writtenBy) misses.set(id, missesOf(id) + 1)
    if (missesOf(id) >= MISSES || !isMemorable(draft)) return
    const after = draft.changes.length > 0 ? asWritten(draft, transaction) : execution
    const isSame =
      before !== undefined &&
      before.execution.known.writtenBy === known.writtenBy &&
      before.execution.known.server === known.server
    executions.set(id, isSame ? merged(before, draft, after) : { execution: after, present, tombstones, isWhole })
  }

  return {
    take(executionId, requests) {
      const known = executions.get(executionId)
      if (known === undefined || !requests.every(({ writes }) => isKnown(known, writes))) return null
      executions.delete(executionId)
      const { present, tombstones, isWhole } = known
      return { ...newDraft(known.execution), present, tombstones, isWhole }
    },
    putBack(draft, transaction) {
      const { present, tombstones, isWhole, execution } = draft
      executions.set(execution.id, { execution: asWritten(draft, transaction), present, tombstones, isWhole })
    },
    miss: ({ execution: { id, known } }) => void missed.set(id, known.writtenBy),
    learn(drafts, created) {
      for (const draft of drafts) learnOne(draft, created.has(draft.execution.id))
    },
    forgetAll: () => executions.clear(),
  }
}

function sizeOf({ execution, present, tombstones }: Remembered): number {
  return execution.variableBytes + (present.size + tombstones.size + 1) * RECORD_BYTES
}

/** What deletes and what is secret is folded over what PostgreSQL has. */
function isKnown({ present, tombstones, isWhole }: Remembered, writes: readonly VariableWrite[] | 'delete all'): boolean {
  if (writes === 'delete all') return false
  return writes.every(
    (write) =>
      write.operation !== 'delete' &&
      !(write.operation === 'set' && write.isSensitive === true) &&
      (isWhole || present.has(write.name) || tombstones.has(write.name)),
  )
}

function isMemorable({ execution, present }: WriteDraft): boolean {
  if (execution.status !== 'running' || execution.declared.size > 0) return false
  return [...present.values()].every((variable) => variable.sealed === null)
}

function asWritten({ execution }: WriteDraft, transaction: string): LockedExecution {
  const { eventSeq: seq, variableCount: count, known } = execution
  return { ...execution, known: { ...known, writtenBy: transaction, seq, count } }
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
