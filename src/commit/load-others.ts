import type { ExecutionId } from '../core/ids.js'
import { isSpaceId, spaceIdOf } from '../core/space.js'
import type { Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { Draft } from './draft.js'
import { type GlobalsView, readGlobals } from './globals-store.js'
import { type GlobalsNeeds, loadMore, openDrafts, type Wanted } from './load.js'

/** What works of a transaction may write to beside their own executions. */
export interface Others {
  /** Locked after all executions: ancestors before spaces. */
  readonly drafts: Map<ExecutionId, Draft>
  /** Those that this transaction has made. */
  readonly created: ExecutionId[]
}

interface Loading {
  readonly isAlone: boolean
  readonly keyRing: KeyRing
  readonly others: Others
}

interface WantedSpace {
  readonly draft: Draft
  readonly id: ExecutionId
  readonly needs: GlobalsNeeds
}

/**
 * As `loadMore`, and what works want of others. Ancestors are locked first, nearest first, then spaces: whoever waits has none of what is behind it
 * in that order, so that nobody waits in a circle. All templates of an execution see one revision of a space, read after what is to be written
 * is locked. An execution of which another transaction has locked an ancestor, or the space, is answered, too, unless `isAlone`.
 */
export async function loadWithOthers(tx: Sql, wanted: readonly Wanted[], loading: Loading): Promise<ReadonlySet<ExecutionId>> {
  const ofSpaces = wanted.flatMap(({ draft, needs: { globals } }) =>
    globals ? [{ draft, id: spaceIdOf(globals.space), needs: globals }] : [],
  )
  const late = await lockAncestors(tx, wanted, loading)
  if (ofSpaces.length === 0) return new Set([...late, ...(await loadMore(tx, wanted, loading.isAlone))])
  const [busy, locked, views] = await Promise.all([
    loadMore(tx, wanted, loading.isAlone),
    lockSpaces(tx, ofSpaces, loading),
    readGlobals(tx, missingNames(ofSpaces)),
  ])
  for (const { draft, id } of ofSpaces) draft.globals = views.get(id) ?? draft.globals
  return new Set([...late, ...busy, ...locked])
}

/** Of each space all names that are to be read, where one of them has not been. */
function missingNames(ofSpaces: readonly WantedSpace[]): Map<ExecutionId, GlobalsView['names']> {
  const missing = new Map<ExecutionId, GlobalsView['names']>()
  const union = (id: ExecutionId, names: GlobalsView['names']) => {
    const known = missing.get(id) ?? new Set()
    missing.set(id, known === 'all' || names === 'all' ? 'all' : new Set([...known, ...names]))
  }
  const late = new Set(ofSpaces.filter(({ draft, needs }) => !hasAll(draft.globals, needs.read)).map(({ id }) => id))
  for (const { draft, id, needs } of ofSpaces) {
    if (!late.has(id)) continue
    union(id, needs.read)
    if (draft.globals) union(id, draft.globals.names)
  }
  return missing
}

function hasAll(view: GlobalsView | null, names: GlobalsNeeds['read']): boolean {
  if (view === null) return false
  if (view.names === 'all') return true
  const { names: known } = view
  return names !== 'all' && [...names].every((name) => known.has(name))
}

/** Locks what is to be written. Answers the executions whose space is somebody else's. */
async function lockSpaces(
  tx: Sql,
  ofSpaces: readonly WantedSpace[],
  { isAlone, keyRing, others }: Loading,
): Promise<ExecutionId[]> {
  const writing = ofSpaces.filter(({ needs }) => needs.written.size > 0)
  if (writing.length === 0) return []
  const isLocked = ({ id }: WantedSpace) => others.drafts.has(id)
  const requests = writing
    .filter((one) => !isLocked(one))
    .map(({ id, needs: { space, written } }) => ({
      executionId: id,
      needs: { written, begins: 'unless there', space } as const,
    }))
  const more = writing.filter(isLocked).flatMap(({ id, needs: { written } }) => {
    const draft = others.drafts.get(id)
    return draft ? [{ draft, needs: { written } }] : []
  })
  // Whoever has a space waits for no other.
  const isWaiting = isAlone && ![...others.drafts.keys()].some(isSpaceId)
  const [opened, busy] = await Promise.all([
    openDrafts(tx, requests, { isAlone: isWaiting, keyRing }),
    loadMore(tx, more, isAlone),
  ])
  for (const [id, draft] of opened.drafts) others.drafts.set(id, draft)
  others.created.push(...opened.created)
  for (const { draft, id } of writing) draft.space = others.drafts.get(id) ?? null
  return writing.filter(({ draft, id }) => draft.space === null || busy.has(id)).map(({ draft }) => draft.execution.id)
}

/** Locks the ancestors that are to be written. Answers the executions of which one is somebody else's. */
async function lockAncestors(tx: Sql, wanted: readonly Wanted[], { isAlone, keyRing, others }: Loading): Promise<ExecutionId[]> {
  const hasSpace = [...others.drafts.keys()].some(isSpaceId)
  const busy: ExecutionId[] = []
  for (const { draft, needs } of wanted) {
    for (const { executionId: id, written } of needs.ancestors ?? []) {
      const isWaiting = isAlone && !hasSpace
      const known = others.drafts.get(id)
      const isLate = known
        ? (await loadMore(tx, [{ draft: known, needs: { written } }], isWaiting)).size > 0
        : !(await lockAncestor(tx, { executionId: id, needs: { written } }, { isAlone: isWaiting, keyRing, others }))
      if (isLate) busy.push(draft.execution.id)
      else draft.ancestors.set(id, others.drafts.get(id) ?? null)
    }
  }
  return busy
}

/** false where somebody else has it. One that is gone is nobody's. */
async function lockAncestor(
  tx: Sql,
  request: { readonly executionId: ExecutionId; readonly needs: { readonly written: Iterable<string> } },
  { isAlone, keyRing, others }: Loading,
): Promise<boolean> {
  const { drafts } = await openDrafts(tx, [request], { isAlone, keyRing })
  for (const [id, draft] of drafts) others.drafts.set(id, draft)
  return isAlone || drafts.size > 0
}
