import { type Fault, isRetryable } from '../lib/faults.js'
import { createStore, type Store } from '../lib/store.js'
import { byName } from '../lib/text.js'
import { readVariables } from '../live/read-variables.js'
import type { VariableRow, VariablesView } from '../live/variable-table.js'

/** What was known at a revision; another revision may still be on its way. */
export interface PastView {
  readonly revision: number
  readonly variables: VariablesView
}

export interface PastFeed extends Pick<Store<PastView | null>, 'get' | 'subscribe'> {
  /** Goes to a revision. What is shown stays until it is read; of several only the last is. */
  go(revision: number): void
  stop(): void
}

/** While one drags, only where one rests is read. */
const REST_MS = 90
/** Of small executions what was read is kept, so that going back and forth costs nothing. */
const KEPT = 60
const KEPT_ROWS = 300
const RETRY_MS = 2_000

/** The variables of an execution as of revisions that one goes to. null until the first has come. */
export function createPastFeed(id: string): PastFeed {
  const view = createStore<PastView | null>(null)
  const kept = new Map<number, readonly VariableRow[]>()
  let reading = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  function show(revision: number, rows: readonly VariableRow[], fault: Fault | null = null): void {
    // What this revision changed flashes as if it happened now.
    const seenAt = performance.now()
    const lit = rows.map((row) => (row.revision === revision ? { ...row, seenAt } : row))
    const variables = { rows: lit, revision, total: rows.length, loaded: rows.length, isLoaded: true, fault }
    view.set({ revision, variables })
  }

  async function read(revision: number, { signal }: AbortController): Promise<void> {
    const rows: VariableRow[] = []
    const fault = await readVariables({
      id,
      asOf: revision,
      signal,
      onPage: (page) => rows.push(...page.rows.map((row) => ({ ...row, seenAt: 0 }))),
    })
    if (signal.aborted) return
    if (isRetryable(fault)) timer = setTimeout(() => go(revision), RETRY_MS)
    if (fault !== null) return show(revision, view.get()?.variables.rows ?? [], fault)
    rows.sort((a, b) => byName(a.name, b.name))
    if (rows.length <= KEPT_ROWS) keep(revision, rows)
    show(revision, rows)
  }

  function keep(revision: number, rows: readonly VariableRow[]): void {
    kept.set(revision, rows)
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
  }

  function go(revision: number): void {
    reading.abort()
    clearTimeout(timer)
    const known = kept.get(revision)
    if (known) return show(revision, known)
    const current = new AbortController()
    reading = current
    timer = setTimeout(() => void read(revision, current), view.get() === null ? 0 : REST_MS)
  }

  return {
    get: view.get,
    subscribe: view.subscribe,
    go,
    stop() {
      reading.abort()
      clearTimeout(timer)
    },
  }
}
