/** A message of a stream that says how far the stream has come. */
export interface Positioned {
  /** `end` is the last one: the stream failed, and its text says why. */
  readonly kind: 'subscribed' | 'changed' | 'bookmark' | 'end'
  readonly revision: number
  /** What a group's buffer counts. */
  readonly bytes: number
}

/** Messages one after another; null once the stream is over. `close` ends it at once, also while a message is awaited. */
export interface MessageStream<M> {
  next(): Promise<M | null>
  /** The next message, if it is there already: a reader that is behind takes several at once. */
  takeReady(): M | null
  close(): void
}

/** What a group buffers for its members: at most so much, and always at least the newest message. */
const BUFFERED_MESSAGES = 256
const BUFFERED_BYTES = 1024 * 1024
/** How long the buffer may stay full because of some members while others have taken everything. */
const MAX_FULL_MS = 100

interface Slot<M> {
  readonly message: M
  /** Members that have not taken it yet. */
  pending: number
}

/** `left`: the member was too slow, and goes on alone from the last revision it took. */
export type Taken<M> = { readonly message: M } | 'left' | 'over'

export interface Membership<M> {
  take(): Promise<Taken<M>>
  /** Null where nothing is there yet. */
  takeNow(): Taken<M> | null
  close(): void
}

export interface WatchGroup<M> {
  /** A membership for whoever has everything up to the position; null where the buffer does not continue from there. */
  join(position: number): Membership<M> | null
}

interface GroupOptions<M> {
  /** The stream that all members share. */
  readonly source: MessageStream<M>
  /** Everything up to here was taken from the source. */
  readonly position: number
  /** Each message says all: a member that is behind gets the newest only. */
  readonly isNewestOnly: boolean
  /** The group takes no more members. */
  readonly onOver: () => void
}

/** Members of one stream: it is read once, into a buffer of fixed size. A slow member leaves rather than stopping the others. */
export function createWatchGroup<M extends Positioned>(options: GroupOptions<M>): WatchGroup<M> {
  const { source, position, isNewestOnly, onOver } = options
  const slots: Slot<M>[] = []
  /** The number of `slots[0]`, and the position before it. */
  let base = 0
  let floor = position
  let head = position
  let bytes = 0
  let members = 0
  let isOver = false
  let waiting: (() => void)[] = []
  let tookOldest: (() => void) | null = null

  function wake(): void {
    const woken = waiting
    waiting = []
    for (const one of woken) one()
  }

  async function pump(): Promise<void> {
    while (!isOver) {
      const message = await source.next()
      if (isOver) return
      if (message === null) return end()
      await makeRoom(message.bytes)
      if (isOver) return
      slots.push({ message, pending: members })
      bytes += message.bytes
      head = Math.max(head, message.revision)
      if (message.kind === 'end') return end()
      wake()
    }
  }

  function end(): void {
    if (isOver) return
    isOver = true
    onOver()
    source.close()
    wake()
    tookOldest?.()
  }

  async function makeRoom(size: number): Promise<void> {
    while (slots.length > 0 && (slots.length >= BUFFERED_MESSAGES || bytes + size > BUFFERED_BYTES)) {
      await untilOldestIsFree()
      if (isOver) return
      dropOldest()
    }
  }

  /** Where nobody is faster there is nothing to stop: the wait has no end then. */
  async function untilOldestIsFree(): Promise<void> {
    const endsAt = performance.now() + MAX_FULL_MS
    while (!isOver && (slots[0]?.pending ?? 0) > 0) {
      const isEveryone = slots[0]?.pending === members
      const left = endsAt - performance.now()
      if (!isEveryone && left <= 0) return
      await new Promise<void>((resolve) => {
        const timer = isEveryone ? undefined : setTimeout(resolve, left)
        tookOldest = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      tookOldest = null
    }
  }

  function dropOldest(): void {
    const oldest = slots.shift()
    if (oldest === undefined) return
    base += 1
    floor = Math.max(floor, oldest.message.revision)
    bytes -= oldest.message.bytes
    const late = oldest.pending
    if (late === 0) return
    members -= late
    for (const slot of slots) slot.pending -= late
  }

  function join(at: number): Membership<M> | null {
    if (isOver || at < floor || at > head) return null
    const index = slots.findIndex(({ message }) => message.revision > at)
    let cursor = index === -1 ? base + slots.length : base + index
    members += 1
    for (const slot of slots.slice(cursor - base)) slot.pending += 1
    let isClosed = false
    let ring: (() => void) | null = null

    function step(): Slot<M> | undefined {
      const slot = slots[cursor - base]
      if (slot === undefined) return undefined
      cursor += 1
      slot.pending -= 1
      if (cursor - 1 === base) tookOldest?.()
      return slot
    }

    function takeNow(): Taken<M> | null {
      if (isClosed) return 'over'
      if (cursor < base) return 'left'
      while (isNewestOnly && cursor < base + slots.length - 1) step()
      const slot = step()
      if (slot === undefined) return isOver ? 'over' : null
      return { message: slot.message }
    }

    return {
      takeNow,
      take() {
        const taken = takeNow()
        if (taken !== null) return Promise.resolve(taken)
        return new Promise<Taken<M>>((resolve) => {
          ring = (): void => {
            const come = takeNow()
            if (come === null) waiting.push(ring as () => void)
            else resolve(come)
          }
          waiting.push(ring)
        })
      },
      close() {
        if (isClosed) return
        isClosed = true
        ring?.()
        if (cursor < base) return
        for (const slot of slots.slice(cursor - base)) slot.pending -= 1
        members -= 1
        tookOldest?.()
        if (members === 0) end()
      },
    }
  }

  // The first member joins before the first message can arrive.
  queueMicrotask(() => void pump())
  return { join }
}
