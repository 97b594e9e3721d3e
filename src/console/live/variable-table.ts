import type { VariableRowFragment, VariablesLiveSubscription } from '../generated/graphql.js'
import type { Fault } from '../lib/faults.js'
import { createStore, type Store } from '../lib/store.js'
import { byName } from '../lib/text.js'

export type VariableRow = VariableRowFragment & {
  /** When the page saw it change, as `performance.now()`; 0 when it was so from the beginning. */
  readonly seenAt: number
}

export interface VariablesView {
  /** By name. */
  readonly rows: readonly VariableRow[]
  /** Everything up to here is shown. */
  readonly revision: number
  /** Rows that the first reading brings, and how many of them are here; equal once it is done. */
  readonly total: number
  readonly loaded: number
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

type Change = VariablesLiveSubscription['variableChanged']['changes'][number]

/** The rows of a variable feed. What changes within one frame is shown together. */
export interface VariableTable {
  readonly view: Store<VariablesView>
  /** Up to here everything is in the table, shown or about to be. */
  revision(): number
  reset(revision: number, total: number): void
  add(rows: readonly VariableRowFragment[]): void
  done(): void
  apply(revision: number, changes: readonly Change[]): void
  fail(fault: Fault | null): void
}

const EMPTY: VariablesView = { rows: [], revision: 0, total: 0, loaded: 0, isLoaded: false, fault: null }
/** Where no frame comes, in a tab that is hidden. */
const HIDDEN_FRAME_MS = 250

export function createTable(): VariableTable {
  const view = createStore<VariablesView>(EMPTY)
  const rows = new Map<string, VariableRow>()
  /** All names in order; null when one has come or gone since. */
  let names: readonly string[] | null = []
  let draft = EMPTY
  let isScheduled = false

  function show(change: Partial<VariablesView>): void {
    draft = { ...draft, ...change }
    if (isScheduled) return
    isScheduled = true
    if (document.hidden) setTimeout(paint, HIDDEN_FRAME_MS)
    else requestAnimationFrame(paint)
  }

  function paint(): void {
    isScheduled = false
    names ??= [...rows.keys()].sort(byName)
    view.set({ ...draft, rows: names.flatMap((name) => rows.get(name) ?? []), loaded: rows.size })
  }

  return {
    view,
    revision: () => draft.revision,
    reset(revision, total) {
      rows.clear()
      names = []
      show({ revision, total, isLoaded: false, fault: null })
    },
    add(added) {
      for (const row of added) rows.set(row.name, { ...row, seenAt: 0 })
      names = null
      show({})
    },
    done: () => show({ isLoaded: true }),
    apply(revision, changes) {
      for (const change of changes) {
        const isKnown = rows.has(change.name)
        if (isKnown === (change.operation === 'DELETE')) names = null
        if (change.operation === 'DELETE') rows.delete(change.name)
        else rows.set(change.name, changed(rows.get(change.name), change, revision))
      }
      show({ revision, total: rows.size })
    },
    fail: (fault) => show({ fault }),
  }
}

function changed(before: VariableRow | undefined, change: Change, revision: number): VariableRow {
  const { name, preview, size, isSensitive, type, sourceStep, version, changedAt } = change
  return {
    ...{ name, preview: preview ?? 'null', size, isSensitive, type, sourceStep, version, revision },
    accessCount: before?.accessCount ?? 0,
    updatedAt: changedAt,
    seenAt: performance.now(),
  }
}
