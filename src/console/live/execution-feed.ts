import { type ExecutionHeadFragment, ExecutionLiveDocument, StepsDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import type { Fault } from '../lib/faults.js'
import { createStore, type Store } from '../lib/store.js'
import { follow } from './follow.js'
import { readStep, type StepRow } from './read-step.js'

export interface ExecutionView {
  /** null until the server has said. */
  readonly head: ExecutionHeadFragment | null
  /** Visits in order. */
  readonly steps: readonly StepRow[]
  readonly fault: Fault | null
}

export interface ExecutionFeed extends Pick<Store<ExecutionView>, 'get' | 'subscribe'> {
  stop(): void
}

/** At most so often are steps asked for while events arrive. */
const STEPS_EVERY_MS = 250
const RETRY_MS = 700

export function isEnded(status: string): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED'
}

/** One execution and its steps, live. Steps are read again from the first one that had not ended. */
export function createExecutionFeed(id: string): ExecutionFeed {
  const view = createStore<ExecutionView>({ head: null, steps: [], fault: null })
  let isStopped = false
  let isReading = false
  let isStale = false

  async function readSteps(): Promise<void> {
    isStale = true
    if (isReading) return
    isReading = true
    while (isStale && !isStopped) {
      isStale = false
      const began = performance.now()
      await readFromFirstOpen()
      const rest = (isStale ? RETRY_MS : STEPS_EVERY_MS) - (performance.now() - began)
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest))
    }
    isReading = false
  }

  async function readFromFirstOpen(): Promise<void> {
    const known = view.get().steps
    const open = known.findIndex(({ status }) => status === 'PENDING' || status === 'RUNNING')
    const kept = open < 0 ? known.slice(0, -1) : known.slice(0, open)
    let after = known[kept.length]?.before ?? null
    const fresh: StepRow[] = []
    for (let hasNext = true; hasNext; ) {
      const { data, error } = await client.query(StepsDocument, { id, after }).toPromise()
      if (isStopped) return
      if (error || !data?.execution) {
        isStale = error !== undefined
        return
      }
      for (const { cursor, node } of data.execution.steps.edges) {
        const row = await readStep(id, node, after)
        if (isStopped) return
        if (row === null) {
          isStale = true
          return
        }
        fresh.push(row)
        after = cursor
      }
      hasNext = data.execution.steps.pageInfo.hasNextPage
      // A long route appears as it is read; a known one stays until the new one is whole.
      if (!hasNext || known.length === 0) view.set({ ...view.get(), steps: [...kept, ...fresh] })
    }
  }

  const unfollow = follow({
    document: ExecutionLiveDocument,
    variables: () => ({ id }),
    onData: ({ executionChanged }) => {
      view.set({ ...view.get(), head: executionChanged, fault: null })
      void readSteps()
    },
    isOver: () => isEnded(view.get().head?.status ?? ''),
    onFault: (fault) => view.set({ ...view.get(), fault }),
  })
  return {
    get: view.get,
    subscribe: view.subscribe,
    stop() {
      isStopped = true
      unfollow()
    },
  }
}
