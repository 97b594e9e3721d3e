import {
  createWatchGroup,
  type Membership,
  type MessageStream,
  type Positioned,
  type Taken,
  type WatchGroup,
} from './watch-group.js'

export interface Grouping<M> {
  /** Streams with the same key say the same from any position on. */
  readonly key: string
  /** A stream of one's own, from where the client asked to begin. */
  readonly own: MessageStream<M>
  /** Each message says all: a member that is behind gets the newest only. */
  readonly isNewestOnly?: boolean
  /** Another one, after a revision. */
  readonly open: (after: number) => Promise<MessageStream<M>>
}

export interface WatchGroups<M> {
  /** A stream that reads alone until it has caught up with its group, or starts one. */
  watch(grouping: Grouping<M>): MessageStream<M>
  /** How many groups there are. */
  readonly size: number
}

/** Lets streams that say the same be read, executed and serialised once for all who have come equally far. */
export function createWatchGroups<M extends Positioned>(): WatchGroups<M> {
  const groups = new Map<string, WatchGroup<M>>()

  /** Joins the group; where there is none, starts one on the stream given. */
  function joinOrStart(
    { key, isNewestOnly = false }: Grouping<M>,
    position: number,
    own: MessageStream<M>,
  ): Membership<M> | null {
    const existing = groups.get(key)
    if (existing !== undefined) {
      const membership = existing.join(position)
      if (membership !== null) own.close()
      return membership
    }
    const group = createWatchGroup<M>({
      source: own,
      ...{ position, isNewestOnly },
      onOver: () => {
        if (groups.get(key) === group) groups.delete(key)
      },
    })
    groups.set(key, group)
    return group.join(position)
  }

  function watch(grouping: Grouping<M>): MessageStream<M> {
    let own: MessageStream<M> | null = grouping.own
    let membership: Membership<M> | null = null
    let position: number | null = null
    let isClosed = false

    async function takeAlone(): Promise<Taken<M>> {
      const message = (await own?.next()) ?? null
      return message === null ? 'over' : { message }
    }

    /** Joins the group once this one has come as far. */
    function joinGroup(): void {
      if (own === null || position === null) return
      membership = joinOrStart(grouping, position, own)
      if (membership !== null) own = null
    }

    /** What a stream that was opened again, or a group that is behind, says once more. */
    function isRepeated({ kind, revision }: M): boolean {
      if (position === null || kind === 'end') return false
      return kind === 'subscribed' || revision < position || (kind === 'changed' && revision === position)
    }

    async function takeNext(): Promise<M | null> {
      while (!isClosed) {
        joinGroup()
        const taken = await (membership?.take() ?? takeAlone())
        if (taken === 'over' || isClosed) return null
        if (taken === 'left') {
          membership = null
          own = await grouping.open(position ?? 0)
          if (isClosed) own.close()
        } else if (!isRepeated(taken.message)) {
          position = taken.message.revision
          return taken.message
        }
      }
      return null
    }

    function takeReady(): M | null {
      while (!isClosed) {
        const taken = membership?.takeNow() ?? null
        if (taken === null || typeof taken === 'string') return null
        if (isRepeated(taken.message)) continue
        position = taken.message.revision
        return taken.message
      }
      return null
    }

    return {
      next: takeNext,
      takeReady,
      close() {
        if (isClosed) return
        isClosed = true
        own?.close()
        membership?.close()
      },
    }
  }

  return {
    watch,
    get size() {
      return groups.size
    },
  }
}
