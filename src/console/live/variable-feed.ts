import { VariablesLiveDocument, type VariablesLiveSubscription } from '../generated/graphql.js'
import type { Fault } from '../lib/faults.js'
import type { Store } from '../lib/store.js'
import { follow } from './follow.js'
import { untilRetry } from './link.js'
import { readVariables } from './read-variables.js'
import { createTable, type VariablesView } from './variable-table.js'

export interface VariableFeed extends Pick<Store<VariablesView>, 'get' | 'subscribe'> {
  stop(): void
}

type Message = VariablesLiveSubscription['variableChanged']

/**
 * All variables of one execution, live: lists them (later pages as of the first page's revision), then follows every change
 * after that revision, over as many connections as it takes. What it shows is complete at `revision`. A revision that is
 * gone or skipped makes it start again from a new list.
 */
export function createVariableFeed(id: string): VariableFeed {
  const table = createTable()
  let stop = new AbortController()
  let unfollow: (() => void) | null = null

  async function begin(signal: AbortSignal): Promise<void> {
    unfollow?.()
    while (!signal.aborted) {
      const fault = await readAll(signal)
      if (signal.aborted) return
      if (fault === null) break
      table.fail(fault.code === 'UNREACHABLE' || fault.code === 'REVISION_GONE' ? null : fault)
      await untilRetry(signal)
    }
    if (signal.aborted) return
    unfollow = follow({
      document: VariablesLiveDocument,
      variables: () => ({ id, after: table.revision() }),
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
