import type { Hint } from '../bus/bus.js'
import { isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { type ExecutionStatus, isFinished } from '../core/status.js'
import type { Transaction } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import {
  createExecutions,
  type LockedExecution,
  loadVariablesOf,
  lockCounters,
  removeExecutions,
  type VariableKey,
} from './batch-store.js'
import { type ChangedEvent, writeChanges } from './change-store.js'
import { foldChangeSet } from './fold.js'
import { keyOf } from './key.js'
import type { WriteRequest, WriteResult } from './requests.js'
import { createVariablesDraft, keepFolded, type VariablesDraft } from './variables-draft.js'

export interface BatchRequest {
  /** Change sets of any executions; those of one execution apply in order. */
  readonly requests: readonly WriteRequest[]
  readonly now: Date
  /** Whether to wait for executions that others hold. */
  readonly isPatient: boolean
  readonly keyRing: KeyRing
}

/** `busy`: another transaction holds the execution; nothing was done. */
export type BatchAnswer = { readonly result: WriteResult } | { readonly error: TransientError } | 'busy'

export interface BatchResult {
  /** One per request. */
  readonly answers: readonly BatchAnswer[]
  readonly hints: readonly Hint[]
}

/** One execution while its change sets are folded. */
interface Draft extends VariablesDraft {
  execution: LockedExecution
  readonly events: ChangedEvent[]
}

/**
 * Applies change sets of many executions in the caller's transaction: lock and load in one round trip, fold, then write together
 * with the commit. A change set that is refused leaves its neighbours alone.
 */
export async function applyBatch(tx: Transaction, { requests, now, isPatient, keyRing }: BatchRequest): Promise<BatchResult> {
  const folding = { now, keyRing }
  const { drafts, created } = await openDrafts(tx, requests, isPatient)
  const answers = requests.map((request): BatchAnswer => {
    const draft = drafts.get(request.executionId)
    if (draft) return foldInto(draft, request, folding)
    return isPatient ? foldInto(newDraft(unborn(request.executionId)), request, folding) : 'busy'
  })
  const moved = [...drafts.values()].filter((draft) => draft.changes.length > 0)
  if (moved.length > 0) {
    await writeChanges(tx, {
      changes: moved.flatMap((draft) => draft.changes),
      executions: moved.map((draft) => draft.execution),
      events: moved.flatMap((draft) => draft.events),
      keyRing,
    })
  }
  const stillborn = created.filter((id) => drafts.get(id)?.changes.length === 0)
  if (stillborn.length > 0) removeExecutions(tx, stillborn)
  const hints = moved.map(({ execution: { id, revision, eventSeq } }) => ({ executionId: id, revision, eventSeq }))
  return { answers, hints }
}

async function openDrafts(tx: Transaction, requests: readonly WriteRequest[], isPatient: boolean) {
  const ids = [...new Set(requests.map((request) => request.executionId))]
  const drafts = await lockDrafts(tx, { ids, requests, isPatient })
  const births = new Set(
    requests.filter(({ writes }) => writes.some((write) => write.operation !== 'delete')).map((one) => one.executionId),
  )
  const missing = ids.filter((id) => !drafts.has(id) && births.has(id))
  if (missing.length === 0) return { drafts, created: [] }
  // Also those that another transaction created meanwhile.
  const [created, born] = await Promise.all([
    createExecutions(tx, missing),
    lockDrafts(tx, { ids: missing, requests, isPatient }),
  ])
  for (const [id, draft] of born) drafts.set(id, draft)
  return { drafts, created }
}

interface Locking extends Pick<BatchRequest, 'requests' | 'isPatient'> {
  readonly ids: readonly ExecutionId[]
}

/** What is loaded for executions that could not be locked is of no use, and was not waited for. */
async function lockDrafts(tx: Transaction, { ids, requests, isPatient }: Locking): Promise<Map<ExecutionId, Draft>> {
  const wanted = new Set(ids)
  const keys = new Map<string, VariableKey>()
  for (const { executionId, writes } of requests) {
    if (!wanted.has(executionId)) continue
    for (const { name } of writes) keys.set(keyOf(executionId, name), { executionId, name })
  }
  const [locked, stored] = await Promise.all([lockCounters(tx, ids, isPatient), loadVariablesOf(tx, [...keys.values()])])
  const drafts = new Map(locked.map((execution) => [execution.id, newDraft(execution)]))
  for (const variable of stored.variables) drafts.get(variable.executionId)?.present.set(variable.name, variable)
  for (const { executionId, name, version } of stored.tombstones) drafts.get(executionId)?.tombstones.set(name, version)
  return drafts
}

function newDraft(execution: LockedExecution): Draft {
  return { ...createVariablesDraft(), execution, events: [] }
}

function unborn(id: ExecutionId): LockedExecution {
  const counters = { revision: 0, eventSeq: 0, variableCount: 0, variableBytes: 0, historyCount: 0 }
  return { id, status: 'running', ...counters, declared: new Set() }
}

function foldInto(draft: Draft, { writes, actor }: WriteRequest, folding: Pick<BatchRequest, 'now' | 'keyRing'>): BatchAnswer {
  const { execution, present, tombstones } = draft
  try {
    checkRunning(execution)
    const { revision, variableCount, variableBytes, changes, outcomes } = foldChangeSet({
      execution,
      present,
      tombstones,
      writes,
      actor,
      declared: execution.declared,
      ...folding,
    })
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

/** @throws TransientError EXECUTION_FINISHED */
export function checkRunning({ id, status }: { readonly id: ExecutionId; readonly status: ExecutionStatus }): void {
  if (!isFinished(status)) return
  throw new TransientError('EXECUTION_FINISHED', `execution ${id} is ${status}: its variables can no longer be written`, {
    details: { status },
  })
}
