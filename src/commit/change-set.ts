import { computedReach } from './computed.js'
import type { Draft } from './draft.js'
import { type FoldInput, type FoldResult, foldChangeSet } from './fold.js'
import type { WriteRequest } from './record.js'

const NONE: ReadonlySet<string> = new Set()

export interface Folding extends Pick<WriteRequest, 'writes' | 'actor'>, Pick<FoldInput, 'schema' | 'computing'> {
  readonly now: Date
  /** Names of variables that are sensitive from their first write on; the execution's if it does not say. */
  readonly sensitive?: readonly string[]
}

/**
 * Folds one change set into a draft: the one way in which variables change, whoever writes them. One that is refused leaves the draft as it was.
 * What must hold for every change set is a line in `CHECKS` of `checks.ts`.
 * @throws TransientError VALIDATION, CONFLICT, TOO_LARGE, SCHEMA, COMPUTED_FAILED
 */
export function foldInto(draft: Draft, folding: Folding): FoldResult {
  const { execution, present, tombstones, replaced, created } = draft
  const folded = tryFold(draft, folding)
  const { revision, variableCount, variableBytes, changes, outcomes, computed } = folded
  if (changes.length === 0) return folded
  for (const change of changes) {
    const { name } = change
    const before = present.get(name) ?? null
    if (!replaced.has(name)) replaced.set(name, before)
    if (before === null) created.add(name)
    change.isCreated = created.has(name)
    change.replaced = replaced.get(name) ?? null
    draft.changes.push(change)
  }
  for (const { name, variable } of [...outcomes, ...computed]) {
    if (variable) present.set(name, variable)
    else present.delete(name)
  }
  for (const { name, operation, version } of changes) if (operation === 'delete') tombstones.set(name, version)
  const historyCount = execution.historyCount + changes.length
  draft.execution = { ...execution, revision, variableCount, variableBytes, historyCount }
  return folded
}

/**
 * The same without a change of the draft.
 * @throws TransientError as `foldInto` does
 */
export function tryFold(draft: Draft, folding: Folding): FoldResult {
  const { writes, actor, now, sensitive = draft.execution.sensitive, schema = null, computing = null } = folding
  if (computing) checkLoaded(draft, folding)
  const { execution, keyRing, present, tombstones } = draft
  const declared = sensitive.length === 0 ? NONE : new Set(sensitive)
  return foldChangeSet({ execution, present, tombstones, writes, actor, now, keyRing, declared, schema, computing })
}

/** Of names that are written, those that have not been locked and loaded, and must be before computed variables can follow. */
export function notLoaded({ isWhole, loaded }: Draft, names: Iterable<string>): string[] {
  return isWhole ? [] : [...names].filter((name) => !loaded.written.has(name))
}

/** A computed variable goes by others that are not written themselves: only a lock keeps these as they are. */
function checkLoaded(draft: Draft, { writes, computing }: Folding): void {
  const reach = computedReach(
    computing?.variables ?? [],
    writes.map(({ name }) => name),
  )
  if (reach.size === 0 || draft.transaction === '') return
  if (!draft.isLocked) throw new Error('computed variables need locks')
  const [missing] = notLoaded(draft, reach)
  if (missing !== undefined) throw new Error(`variable ${missing} was not loaded`)
}
