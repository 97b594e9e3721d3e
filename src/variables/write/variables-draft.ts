import type { VariableRecord } from '../record.js'
import type { FoldedChange, FoldResult } from './fold.js'

/** A change, and whether its variable was created by the same transaction: else its row knows better when. */
export interface StoredChange extends FoldedChange {
  readonly isBorn: boolean
}

/** Variables of a locked execution while change sets are folded one after another, before any of them is written. */
export interface VariablesDraft {
  /** Those that a change set may name, as they are now. */
  readonly present: Map<string, VariableRecord>
  /** Versions at which such variables were deleted. */
  readonly tombstones: Map<string, number>
  /** Names of variables that this transaction created. */
  readonly born: Set<string>
  readonly changes: StoredChange[]
}

export function createVariablesDraft(): VariablesDraft {
  return { present: new Map(), tombstones: new Map(), born: new Set(), changes: [] }
}

/** Keeps what one fold decided, so that the next goes on from there. */
export function keepFolded(draft: VariablesDraft, { changes, outcomes }: Pick<FoldResult, 'changes' | 'outcomes'>): void {
  if (changes.length === 0) return
  const { present, tombstones, born } = draft
  for (const change of changes) {
    if (!present.has(change.name)) born.add(change.name)
    draft.changes.push({ ...change, isBorn: born.has(change.name) })
  }
  for (const { name, variable } of outcomes) {
    if (variable) present.set(name, variable)
    else present.delete(name)
  }
  for (const { name, operation, version } of changes) if (operation === 'delete') tombstones.set(name, version)
}
