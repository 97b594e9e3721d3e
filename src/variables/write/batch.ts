import type { ExecutionId } from '../../core/ids.js'
import type { Transaction } from '../../db/database.js'
import { keyOf } from '../key.js'
import type { WriteRequest } from '../requests.js'
import {
  createExecutions,
  type LockedExecution,
  loadVariablesOf,
  lockCounters,
  removeExecutions,
  type VariableKey,
} from './batch-store.js'
import { writeChanges } from './change-store.js'
import { changesOf, type Folding, foldInto, newDraft, type WriteAnswer, type WriteDraft } from './write-draft.js'

export interface BatchRequest extends Folding {
  /** Change sets of any executions; those of one execution apply in order. */
  readonly requests: readonly WriteRequest[]
  /** Whether to wait for executions that others hold. */
  readonly isPatient: boolean
}

/** `busy`: another transaction holds the execution; nothing was done. */
export type BatchAnswer = WriteAnswer | 'busy'

export interface BatchResult {
  /** One per request. */
  readonly answers: readonly BatchAnswer[]
  /** The executions that were there, as this transaction leaves them. */
  readonly drafts: readonly WriteDraft[]
  /** Those that it created. */
  readonly created: ReadonlySet<ExecutionId>
}

/**
 * Applies change sets of many executions in the caller's transaction: lock and load in one round trip, fold, then write together
 * with the commit. A change set that is refused leaves its neighbours alone.
 */
export async function applyBatch(tx: Transaction, batch: BatchRequest): Promise<BatchResult> {
  const { requests, isPatient, keyRing } = batch
  const { drafts, created } = await openDrafts(tx, requests, isPatient)
  const answers = requests.map((request): BatchAnswer => {
    const draft = drafts.get(request.executionId)
    if (draft) return foldInto(draft, request, batch)
    return isPatient ? foldInto(newDraft(unborn(request.executionId)), request, batch) : 'busy'
  })
  const moved = [...drafts.values()].filter((draft) => draft.changes.length > 0)
  if (moved.length > 0) await writeChanges(tx, changesOf(moved, keyRing))
  const stillborn = created.filter((id) => drafts.get(id)?.changes.length === 0)
  if (stillborn.length > 0) removeExecutions(tx, stillborn)
  for (const id of stillborn) drafts.delete(id)
  return { answers, drafts: [...drafts.values()], created: new Set(created) }
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
async function lockDrafts(tx: Transaction, { ids, requests, isPatient }: Locking): Promise<Map<ExecutionId, WriteDraft>> {
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

function unborn(id: ExecutionId): LockedExecution {
  const counters = { revision: 0, eventSeq: 0, variableCount: 0, variableBytes: 0, historyCount: 0 }
  return { id, status: 'running', ...counters, declared: new Set(), writtenBy: '', knownSeq: 0, transaction: '' }
}
