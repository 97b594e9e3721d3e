import { VariablesLiveDocument, type VariablesLiveSubscription } from '../generated/graphql.js'
import { type Fault, isForbidden, isRetryable } from '../lib/faults.js'
import { ownerOf } from '../lib/owner.js'
import type { Store } from '../lib/store.js'
import { follow } from './follow.js'
import { holdLink, untilRetry } from './link.js'
import { readVariables } from './read-variables.js'
import { createTable, type VariablesView } from './variable-table.js'

export interface VariableFeed extends Pick<Store<VariablesView>, 'get' | 'subscribe'> {
  stop(): void
}

type Message = VariablesLiveSubscription['variableChanged']

/**
 * All variables of one execution, or of one space (`spaceKey`), live: lists them (later pages as of the first page's revision), then follows every change
 * after that revision, over as many connections as it takes. What it shows is complete at `revision`. A revision that is
 * gone or skipped makes it start again from a new list.
 */
export function createVariableFeed(id: string): VariableFeed {
  const table = createTable()
  let stop = new AbortController()
  let unfollow: (() => void) | null = null

  async function begin(signal: AbortSignal): Promise<void> {
    // Not while a component renders: the state of the link is shown elsewhere.
    await null
    const release = holdLink()
    unfollow?.()
    if (await isRead(signal)) watch()
    release()
  }

  /** Reads until it is whole; false when that cannot be, or nobody wants it any more. */
  async function isRead(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const fault = await readAll(signal)
      if (signal.aborted) return false
      if (fault === null) return true
      table.fail(isRetryable(fault) || fault.code === 'REVISION_GONE' ? null : fault)
      if (isForbidden(fault)) return false
      await untilRetry(signal)
    }
    return false
  }

  function watch(): void {
    unfollow = follow({
      document: VariablesLiveDocument,
      variables: () => ({ ...ownerOf(id), after: table.revision() }),
      onData: ({ variableChanged }) => take(variableChanged),
      onFault: (fault) => (fault.code === 'REVISION_GONE' ? restart() : table.fail(fault)),
    })
  }

  async function readAll(signal: AbortSignal): Promise<Fault | null> {
    const fault = await readVariables({
      id,
      asOf: null,
      signal,
      onPage({ rows, total, revision }, index) {
        if (index === 0) table.reset(revision, total)
        table.add(rows)
      },
    })
    if (fault === null && !signal.aborted) table.done()
    return fault
  }

  function take({ kind, revision, changes }: Message): void {
    if (kind === 'CHANGED' && revision > table.revision() + 1) return restart()
    if (kind === 'CHANGED' && revision > table.revision()) table.apply(revision, changes)
  }

  function restart(): void {
    stop.abort()
    stop = new AbortController()
    void begin(stop.signal)
  }

  void begin(stop.signal)
  return {
    get: table.view.get,
    subscribe: table.view.subscribe,
    stop() {
      stop.abort()
      unfollow?.()
    },
  }
}
