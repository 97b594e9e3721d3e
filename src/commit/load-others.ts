import type { ExecutionId } from '../core/ids.js'
import { spaceIdOf } from '../core/space.js'
import type { Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { Draft } from './draft.js'
import { type GlobalsView, readGlobals } from './globals-store.js'
import { type GlobalsNeeds, loadMore, openDrafts, type Wanted } from './load.js'

/** The spaces that works of a transaction may write to. */
export interface Spaces {
  /** Locked, after all executions, in the order of their ids. */
  readonly drafts: Map<ExecutionId, Draft>
  /** Those that this transaction has made. */
  readonly created: ExecutionId[]
}

interface Loading {
  readonly isAlone: boolean
  readonly keyRing: KeyRing
  readonly spaces: Spaces
}

interface WantedSpace {
  readonly draft: Draft
  readonly id: ExecutionId
  readonly needs: GlobalsNeeds
}

/**
 * As `loadMore`, and what works want of spaces: all templates of an execution see one revision, read after what is to be written is locked.
 * An execution whose space another transaction has locked is answered, too, unless `isAlone`.
 */
export async function loadWithSpaces(tx: Sql, wanted: readonly Wanted[], loading: Loading): Promise<ReadonlySet<ExecutionId>> {
  const ofSpaces = wanted.flatMap(({ draft, needs: { globals } }) =>
    globals ? [{ draft, id: spaceIdOf(globals.space), needs: globals }] : [],
  )
  if (ofSpaces.length === 0) return loadMore(tx, wanted, loading.isAlone)
  const [busy, locked, views] = await Promise.all([
    loadMore(tx, wanted, loading.isAlone),
    lockSpaces(tx, ofSpaces, loading),
    readGlobals(tx, missingNames(ofSpaces)),
  ])
  for (const { draft, id } of ofSpaces) draft.globals = views.get(id) ?? draft.globals
  return new Set([...busy, ...locked])
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
  { isAlone, keyRing, spaces }: Loading,
): Promise<ExecutionId[]> {
  const writing = ofSpaces.filter(({ needs }) => needs.written.size > 0)
  if (writing.length === 0) return []
  const isLocked = ({ id }: WantedSpace) => spaces.drafts.has(id)
  const requests = writing
    .filter((one) => !isLocked(one))
    .map(({ id, needs: { space, written } }) => ({
      executionId: id,
      needs: { written, begins: 'unless there', space } as const,
    }))
  const more = writing.filter(isLocked).flatMap(({ id, needs: { written } }) => {
    const draft = spaces.drafts.get(id)
    return draft ? [{ draft, needs: { written } }] : []
  })
  const [opened, busy] = await Promise.all([openDrafts(tx, requests, { isAlone, keyRing }), loadMore(tx, more, isAlone)])
  for (const [id, draft] of opened.drafts) spaces.drafts.set(id, draft)
  spaces.created.push(...opened.created)
  for (const { draft, id } of writing) draft.space = spaces.drafts.get(id) ?? null
  return writing.filter(({ draft, id }) => draft.space === null || busy.has(id)).map(({ draft }) => draft.execution.id)
}
