import {
  type ExecutionFilter,
  type ExecutionRowFragment,
  ExecutionsDocument,
  ExecutionsLiveDocument,
} from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { createStore, type Store } from '../lib/store.js'
import { follow } from '../live/follow.js'
import { holdLink, untilRetry } from '../live/link.js'
import { createLeaverWatch } from './leaver-watch.js'

export interface ExecutionsView {
  /** Newest first. */
  readonly rows: readonly ExecutionRowFragment[]
  readonly total: number
  readonly hasMore: boolean
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

export interface ExecutionsFeed extends Pick<Store<ExecutionsView>, 'get' | 'subscribe'> {
  /** Reads the next page. */
  more(): void
  stop(): void
}

const PAGE = 50
const READ_AGAIN_MS = 700

/** Executions that match, newest first, live. Of the future only what matters to the rows that are shown is followed. */
export function createExecutionsFeed(filter: ExecutionFilter): ExecutionsFeed {
  const view = createStore<ExecutionsView>({ rows: [], total: 0, hasMore: false, isLoaded: false, fault: null })
  const stop = new AbortController()
  let after: string | null = null
  let unfollow: (() => void) | null = null
  let isReading = false
  let again: ReturnType<typeof setTimeout> | undefined
  /** Rows that have changed, with the revision that they are known to have reached. */
  const doubted = new Map<string, number>()
  // The subscription tells only of what matches: what ceases to must be looked at one by one.
  const leavers = filter.status || filter.variables ? createLeaverWatch(takeLeaver) : null
  const unsubscribe = view.subscribe(() => leavers?.show(view.get().rows))

  async function read(from: string | null, first: number): Promise<void> {
    if (isReading) return
    isReading = true
    while (!stop.signal.aborted) {
      const { data, error } = await client.query(ExecutionsDocument, { first, after: from, filter }).toPromise()
      const fault = describeError(error)
      if (stop.signal.aborted) return
      if (data && fault === null) {
        const { nodes, pageInfo, totalCount } = data.executions
        after = pageInfo.endCursor
        const rows = from === null ? nodes : [...view.get().rows, ...nodes]
        view.set({ rows, total: totalCount, hasMore: pageInfo.hasNextPage, isLoaded: true, fault: null })
        break
      }
      view.set({ ...view.get(), fault })
      if (!isRetryable(fault)) break
      await untilRetry(stop.signal)
    }
    isReading = false
  }

  /** What matches, from the oldest row that is shown: what is older cannot be among them. */
  function watch(): void {
    unfollow?.()
    unfollow = follow({
      document: ExecutionsLiveDocument,
      variables: () => {
        const { rows, hasMore } = view.get()
        const oldest = hasMore ? rows.at(-1)?.createdAt : undefined
        return { filter: { ...filter, ...(oldest !== undefined && { startedAfter: oldest }) } }
      },
      onData: ({ executionsChanged }) => take(executionsChanged),
      onFault: (fault) => view.set({ ...view.get(), fault }),
    })
  }

  function take(row: ExecutionRowFragment): void {
    const { rows, total } = view.get()
    const at = rows.findIndex(({ id }) => id === row.id)
    if (at >= 0) return view.set({ ...view.get(), rows: rows.with(at, row) })
    const index = rows.findIndex(({ createdAt, id }) => createdAt < row.createdAt || (createdAt === row.createdAt && id < row.id))
    view.set({ ...view.get(), rows: rows.toSpliced(index < 0 ? rows.length : index, 0, row), total: total + 1 })
  }

  /** One of the rows has changed, and may match no longer. */
  function takeLeaver(row: ExecutionRowFragment): void {
    const { rows, total } = view.get()
    const at = rows.findIndex(({ id }) => id === row.id)
    if (at < 0) return
    const isWanted = filter.status?.includes(row.status) ?? true
    if (!isWanted) view.set({ ...view.get(), rows: rows.toSpliced(at, 1), total: total - 1 })
    else if (filter.variables) doubt(row)
  }

  /** Whether its variables match, only the server knows: the subscription reports it soon, or it does not. */
  function doubt({ id, revision }: ExecutionRowFragment): void {
    doubted.set(id, revision)
    again ??= setTimeout(() => {
      again = undefined
      const { rows } = view.get()
      const isDoubtful = rows.some((row) => row.revision < (doubted.get(row.id) ?? 0))
      doubted.clear()
      if (isDoubtful) void read(null, Math.min(250, Math.max(PAGE, rows.length)))
    }, READ_AGAIN_MS)
  }

  async function begin(): Promise<void> {
    // Not while a component renders: the state of the link is shown elsewhere.
    await null
    const release = holdLink()
    await read(null, PAGE)
    if (!stop.signal.aborted && view.get().isLoaded) watch()
    release()
  }

  void begin()
  return {
    get: view.get,
    subscribe: view.subscribe,
    more() {
      if (view.get().hasMore) void read(after, PAGE).then(watch)
    },
    stop() {
      stop.abort()
      clearTimeout(again)
      unfollow?.()
      unsubscribe()
      leavers?.stop()
    },
  }
}
