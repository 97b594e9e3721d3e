import { LRUCache } from 'lru-cache'
import type { ExecutionId } from '../core/ids.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { type Draft, type KnownVariables, type LockedExecution, newDraft } from './draft.js'

/** What all of it may take, about. */
const MAX_BYTES = 32 * 1024 * 1024
/** Of a variable besides its value, and of an execution, about. */
const RECORD_BYTES = 400
/** An execution that was out of date so often within so long is one that others write to, too, and is not remembered meanwhile. */
const MISSES = 2
const MISSES_MS = 10_000
const MAX_MISSED = 10_000

/** As its row was when this process last wrote or locked it. */
type Remembered = LockedExecution & KnownVariables

/**
 * What the writes of this process know of executions, so that the next one need not ask. It may be out of date: whoever writes over it
 * lets PostgreSQL compare the rows (optimistic concurrency control, Kung and Robinson, ACM Transactions on Database Systems 6(2), 1981).
 */
export interface RememberedExecutions {
  /** null unless all of these names are remembered. What is taken is forgotten until it is put back. */
  take(executionId: ExecutionId, names: readonly string[]): Draft | null
  /** A draft that was taken, when it was written by this transaction. */
  putBack(draft: Draft, transaction: string): void
  /** A draft that was taken was out of date, or locked by somebody. */
  miss(draft: Draft): void
  /** What transactions that locked and loaded have left, when they committed. */
  learn(drafts: readonly Draft[]): void
  /** The connection was lost: what is at its other end next may be another server. */
  forgetAll(): void
}

export function createRememberedExecutions(keyRing: KeyRing): RememberedExecutions {
  const executions = new LRUCache<ExecutionId, Remembered>({ maxSize: MAX_BYTES, sizeCalculation: sizeOf })
  const misses = new LRUCache<ExecutionId, number>({ max: MAX_MISSED, ttl: MISSES_MS })
  const missesOf = (id: ExecutionId) => misses.get(id) ?? 0
  /** By whom the rows of missed executions were written. */
  const missed = new LRUCache<ExecutionId, string>({ max: MAX_MISSED, ttl: MISSES_MS })

  function learnOne(draft: Draft): void {
    const { present, tombstones, execution, known, transaction, isWhole } = draft
    const { id } = execution
    const before = executions.get(id)
    executions.delete(id)
    const writer = missed.get(id)
    missed.delete(id)
    if (writer !== undefined && writer !== known.writtenBy) misses.set(id, missesOf(id) + 1)
    if (missesOf(id) >= MISSES || !isMemorable(draft)) return
    const after = { ...(draft.changes.length > 0 ? asWritten(draft, transaction) : { execution, known }), transaction }
    const isSame = before !== undefined && before.known.writtenBy === known.writtenBy && before.known.server === known.server
    executions.set(id, isSame ? merged(before, draft, after) : { ...after, present, tombstones, isWhole })
  }

  return {
    take(executionId, names) {
      const known = executions.get(executionId)
      if (known === undefined) return null
      const { present, tombstones, isWhole } = known
      if (!isWhole && names.some((name) => !present.has(name) && !tombstones.has(name))) return null
      executions.delete(executionId)
      return { ...newDraft(known, keyRing, known), isLocked: false }
    },
    putBack(draft, transaction) {
      const { present, tombstones, isWhole, execution } = draft
      executions.set(execution.id, { ...asWritten(draft, transaction), present, tombstones, isWhole })
    },
    miss: ({ execution: { id }, known }) => void missed.set(id, known.writtenBy),
    learn(drafts) {
      for (const draft of drafts) learnOne(draft)
    },
    forgetAll: () => executions.clear(),
  }
}

function sizeOf({ execution, present, tombstones }: Remembered): number {
  return execution.variableBytes + (present.size + tombstones.size + 1) * RECORD_BYTES
}

function isMemorable({ execution, present }: Draft): boolean {
  if (execution.status !== 'running' || execution.sensitive.length > 0 || execution.openWaits > 0) return false
  return [...present.values()].every((variable) => variable.sealed === null)
}

function asWritten({ execution, known: { server } }: Draft, transaction: string): LockedExecution {
  const { eventSeq: seq, variableCount: count } = execution
  return { execution, known: { writtenBy: transaction, seq, count, server }, transaction }
}

/** The row was as remembered, so that what was loaded only adds to it. */
function merged(known: Remembered, { present, tombstones }: Draft, locked: LockedExecution): Remembered {
  for (const [name, version] of tombstones) {
    known.tombstones.set(name, version)
    known.present.delete(name)
  }
  for (const [name, variable] of present) known.present.set(name, variable)
  return { ...known, ...locked }
}
