import { type ExecutionRowFragment, ExecutionRowLiveDocument } from '../generated/graphql.js'
import { isEnded } from '../live/execution-feed.js'
import { follow } from '../live/follow.js'

/** The server takes 100 subscriptions on a socket; the next rows have their turn when one of these has ended. */
const MAX_FOLLOWED = 60

/** Follows the rows of a filtered list that still run, each by itself: what ceases to match is in no other subscription. */
export function createLeaverWatch(onChange: (row: ExecutionRowFragment) => void) {
  const followed = new Map<string, () => void>()

  function show(rows: readonly ExecutionRowFragment[]): void {
    const alive = rows.filter(({ status }) => !isEnded(status)).slice(0, MAX_FOLLOWED)
    const wanted = new Set(alive.map(({ id }) => id))
    for (const [id, unfollow] of followed) {
      if (wanted.has(id)) continue
      followed.delete(id)
      unfollow()
    }
    for (const id of wanted) if (!followed.has(id)) followed.set(id, followRow(id))
  }

  function followRow(id: string): () => void {
    let isOver = false
    return follow({
      document: ExecutionRowLiveDocument,
      variables: () => ({ id }),
      onData: ({ executionChanged }) => {
        isOver = isEnded(executionChanged.status)
        onChange(executionChanged)
      },
      isOver: () => isOver,
    })
  }

  return {
    /** Says which rows are shown now. */
    show,
    stop() {
      for (const unfollow of followed.values()) unfollow()
      followed.clear()
    },
  }
}
