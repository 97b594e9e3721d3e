import type { Transaction } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { VariableLimits } from '../limits.js'
import type { ChangeRecord } from '../record.js'
import type { WriteOutcome } from '../requests.js'
import { lockVariables } from '../store.js'
import { writeChanges } from './change-store.js'
import { type FoldResult, foldChangeSet } from './fold.js'

interface DeleteAllRequest {
  /** Locked by this transaction, and not finished. */
  readonly execution: ExecutionRecord
  /** `step:<name>`, `api:<key name>` or `system`. */
  readonly actor: string
  readonly now: Date
  readonly limits?: VariableLimits
  readonly keyRing: KeyRing
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
 * Deletes every variable as one change set, inside the caller's transaction: variables, tombstones and change log. The caller saves
 * `execution` and records the event.
 */
export async function applyDeleteAll(tx: Transaction, request: DeleteAllRequest): Promise<AppliedChangeSet> {
  const { execution, keyRing } = request
  const present = await lockVariables(tx, execution.id, null)
  const writes = [...present.keys()].map((name) => ({ operation: 'delete' as const, name }))
  const folded = foldChangeSet({ ...request, writes, present, tombstones: new Map() })
  if (folded.changes.length > 0) {
    const changes = folded.changes.map((change) => ({ ...change, isBorn: false }))
    await writeChanges(tx, { changes, executions: [], events: [], keyRing })
  }
  return { execution: countersOf(execution, folded), outcomes: folded.outcomes, changes: folded.changes }
}

function countersOf(execution: ExecutionRecord, { revision, variableCount, variableBytes, changes }: FoldResult): CounterPatch {
  return { revision, variableCount, variableBytes, historyCount: execution.historyCount + changes.length }
}
