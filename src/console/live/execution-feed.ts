import { type ExecutionHeadFragment, ExecutionLiveDocument, StepsDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isForbidden } from '../lib/faults.js'
import { createStore, type Store } from '../lib/store.js'
import { follow } from './follow.js'
import { readStep, type StepRow } from './read-step.js'

export interface ExecutionView {
  /** null until the server has said. */
  readonly head: ExecutionHeadFragment | null
  /** Visits in order. */
  readonly steps: readonly StepRow[]
  /** Whether all visits are known: before that, what is missing may only not be here yet. */
  readonly areStepsRead: boolean
  readonly fault: Fault | null
}

export interface ExecutionFeed extends Pick<Store<ExecutionView>, 'get' | 'subscribe'> {
  stop(): void
}

/** At most so often are steps asked for, however much happens. */
const STEPS_EVERY_MS = 250
/** What happens within a visit, such as one more attempt or iteration, may be shown later than that one begins or ends. */
const WITHIN_VISITS_MS = 2_000
const RETRY_MS = 700

export function isEnded(status: string): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED'
}

/** Whether a visit has begun or ended. */
function hasMoved(before: ExecutionHeadFragment, now: ExecutionHeadFragment): boolean {
  return (
    before.status !== now.status ||
    before.stepCount !== now.stepCount ||
    before.currentSteps.join('\n') !== now.currentSteps.join('\n')
  )
}

/** One execution and its steps, live. Steps are read again from the first one that had not ended. */
export function createExecutionFeed(id: string): ExecutionFeed {
  const view = createStore<ExecutionView>({ head: null, steps: [], areStepsRead: false, fault: null })
  let isStopped = false
  let isReading = false
  let dueAt = Number.POSITIVE_INFINITY
  let mayReadAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Reads the steps so much later at most; what has been asked for sooner stays. */
  function readSteps(withinMs: number): void {
    const now = performance.now()
    const wanted = Math.max(now + withinMs, mayReadAt)
    if (wanted >= dueAt || isStopped) return
    dueAt = wanted
    clearTimeout(timer)
    if (!isReading) timer = setTimeout(() => void read(), dueAt - now)
  }

  async function read(): Promise<void> {
    dueAt = Number.POSITIVE_INFINITY
    isReading = true
    const isDone = await readFromFirstOpen()
    isReading = false
    mayReadAt = performance.now() + STEPS_EVERY_MS
    if (isStopped) return
    const asked = dueAt
    dueAt = Number.POSITIVE_INFINITY
    if (!isDone) readSteps(RETRY_MS)
    if (asked < Number.POSITIVE_INFINITY) readSteps(Math.max(0, asked - performance.now()))
  }

  /** False when it must be tried again. */
  async function readFromFirstOpen(): Promise<boolean> {
    const known = view.get().steps
    const open = known.findIndex(({ status }) => status === 'PENDING' || status === 'RUNNING')
    const kept = open < 0 ? known.slice(0, -1) : known.slice(0, open)
    let after = known[kept.length]?.before ?? null
    const fresh: StepRow[] = []
    for (let hasNext = true; hasNext; ) {
      const { data, error } = await client.query(StepsDocument, { id, after }).toPromise()
      if (isStopped) return true
      if (error || !data?.execution) return !error || isForbidden(describeError(error))
      for (const { cursor, node } of data.execution.steps.edges) {
        const row = await readStep(id, node, after)
        if (isStopped) return true
        if (row === null) return false
        fresh.push(row)
        after = cursor
      }
      hasNext = data.execution.steps.pageInfo.hasNextPage
      // A long route appears as it is read; a known one stays until the new one is whole.
      if (!hasNext || known.length === 0)
        view.set({ ...view.get(), steps: [...kept, ...fresh], areStepsRead: view.get().areStepsRead || !hasNext })
    }
    return true
  }

  function take(head: ExecutionHeadFragment): void {
    const before = view.get().head
    view.set({ ...view.get(), head, fault: null })
    if (before === null || hasMoved(before, head)) readSteps(0)
    else if (head.currentSteps.length > 0 && head.revision !== before.revision) readSteps(WITHIN_VISITS_MS)
  }

  const unfollow = follow({
    document: ExecutionLiveDocument,
    variables: () => ({ id }),
    onData: ({ executionChanged }) => take(executionChanged),
    isOver: () => isEnded(view.get().head?.status ?? ''),
    onFault: (fault) => view.set({ ...view.get(), fault }),
  })
  return {
    get: view.get,
    subscribe: view.subscribe,
    stop() {
      isStopped = true
      clearTimeout(timer)
      unfollow()
    },
  }
}
