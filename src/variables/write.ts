import type { Sql } from '../db/database.js'
import type { ExecutionRecord } from '../executions/record.js'
import { writeChanges } from './change-store.js'
import { type FoldResult, foldChangeSet } from './fold.js'
import type { VariableLimits } from './limits.js'
import type { ChangeRecord, VariableRecord, VariableWrite } from './record.js'
import type { WriteOutcome } from './requests.js'
import { findTombstones, lockVariables } from './store.js'

export interface ChangeSetRequest {
  /** Locked by this transaction, and not finished. */
  readonly execution: ExecutionRecord
  readonly writes: readonly VariableWrite[]
  /** `step:<name>`, `api:<key name>` or `system`. */
  readonly actor: string
  readonly now: Date
  readonly limits?: VariableLimits
}

/** The columns of the execution's row that a change set moves. */
export type CounterPatch = Pick<ExecutionRecord, 'revision' | 'variableCount' | 'variableBytes' | 'historyCount'>

export interface AppliedChangeSet {
  /** For `updateExecution`, which the caller does together with its own fields. */
  readonly execution: CounterPatch
  readonly outcomes: readonly WriteOutcome[]
  /** Empty when nothing changed; then the revision stays. */
  readonly changes: readonly ChangeRecord[]
}

/**
 * Applies one change set inside the caller's transaction, for the API and for steps alike: variables, tombstones and change log.
 * The caller saves `execution` and records the event.
 * @throws TransientError VALIDATION, CONFLICT, TOO_LARGE, before anything was written
 */
export async function applyChangeSet(tx: Sql, request: ChangeSetRequest): Promise<AppliedChangeSet> {
  const names = request.writes.map((write) => write.name)
  const present = names.length === 0 ? new Map<string, VariableRecord>() : await lockVariables(tx, request.execution.id, names)
  return foldAndWrite(tx, request, present)
}

/** Deletes every variable as one change set, under the same rules. */
export async function applyDeleteAll(tx: Sql, request: Omit<ChangeSetRequest, 'writes'>): Promise<AppliedChangeSet> {
  const present = await lockVariables(tx, request.execution.id, null)
  const writes = [...present.keys()].map((name) => ({ operation: 'delete' as const, name }))
  return foldAndWrite(tx, { ...request, writes }, present)
}

async function foldAndWrite(tx: Sql, request: ChangeSetRequest, present: Map<string, VariableRecord>): Promise<AppliedChangeSet> {
  const { execution, writes } = request
  const missing = writes.filter((write) => write.operation !== 'delete' && !present.has(write.name)).map((write) => write.name)
  const tombstones = await findTombstones(tx, execution.id, missing)
  const folded = foldChangeSet({ ...request, present, tombstones })
  if (folded.changes.length > 0) {
    const changes = folded.changes.map((change) => ({ ...change, isBorn: !present.has(change.name) }))
    await writeChanges(tx, { changes, executions: [], events: [] })
  }
  return { execution: countersOf(execution, folded), outcomes: folded.outcomes, changes: folded.changes }
}

function countersOf(execution: ExecutionRecord, { revision, variableCount, variableBytes, changes }: FoldResult): CounterPatch {
  return { revision, variableCount, variableBytes, historyCount: execution.historyCount + changes.length }
}
