import type { ExecutionId } from '../core/ids.js'
import type { Sql } from '../db/database.js'
import type { Draft } from './draft.js'

/** How far an execution has come for somebody who is to be told of it: a place, and never a value. */
export interface Pointer {
  readonly webhookId: string
  readonly executionId: ExecutionId
  /** Where the execution stood before the transaction. */
  readonly before: Place
  readonly after: Place
}

interface Place {
  readonly revision: number
  /** Of its events. */
  readonly seq: number
}

/**
 * Who is told of changes: their pointers are raised in the transaction that changes an execution, so that no crash loses one.
 */
export interface Outbox {
  /** Who is told of what a draft changes; null: it has to be looked up, see `findPointers`. */
  pointersOf(draft: Draft): readonly Pointer[] | null
  /** The same of several drafts, looked up inside their transaction. */
  findPointers(sql: Sql, drafts: readonly Draft[]): Promise<readonly Pointer[]>
  /** Told of each draft once it is committed. */
  committed(draft: Draft): void
}

/** Nobody is told. */
export const NO_OUTBOX: Outbox = { pointersOf: () => [], findPointers: async () => [], committed: () => undefined }

/** The pointers of drafts, each looked up where it has to be. */
export async function pointersOf(outbox: Outbox, sql: Sql, drafts: readonly Draft[]): Promise<readonly Pointer[]> {
  if (outbox === NO_OUTBOX) return []
  const found = drafts.map((draft) => outbox.pointersOf(draft))
  return found.includes(null) ? outbox.findPointers(sql, drafts) : found.flatMap((pointers) => pointers ?? [])
}
