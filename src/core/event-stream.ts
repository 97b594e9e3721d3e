/** Server-sent events (HTML Living Standard, section 9.2) one after another; null once the stream is over. `close` ends it at once, also while an event is awaited. */
export interface EventSource {
  next(): Promise<StreamEvent | null>
  /** The next event, if it is there already: a reader that is behind takes several at once. */
  takeReady(): StreamEvent | null
  close(): void
}

/** One event, serialised once for everyone it is sent to. */
export interface StreamEvent {
  readonly bytes: number
  /** The event as it is sent, made once. */
  readonly event: () => Buffer
  /** Whether nothing follows. */
  readonly isLast: boolean
}

interface EventStreamOptions {
  readonly events: EventSource
  /** Taken already, so that an error before it has an HTTP status of its own. */
  readonly first?: StreamEvent
  /** Sent at once, before the first event. */
  readonly opening?: Buffer
  /** Sent after the last event. */
  readonly closing?: Buffer
  /** A comment is sent so often while nothing else is, in milliseconds. */
  readonly pingMs?: number
  readonly stalledAfterMs?: number
  /** Cuts a stalled reader off; without it the stream fails. */
  readonly cut?: (() => void) | undefined
}

const STALLED_AFTER_MS = 30_000
/** What is there already goes along, up to a size. */
const BATCH_BYTES = 64 * 1024
const PING = Buffer.from(':\n\n')

/**
 * Events as the body of a response. More is taken only when the socket has taken what was before: a slow reader is never
 * skipped and costs a fixed buffer. One that takes nothing for 30 s is cut off, and resumes.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { events, opening, closing, pingMs, stalledAfterMs = STALLED_AFTER_MS, cut } = options
  let next = options.first ?? null
  let stalled: NodeJS.Timeout | undefined
  let pings: NodeJS.Timeout | undefined
  let isStopped = false
  let isTaken = false

  function stop(): void {
    clearTimeout(stalled)
    clearInterval(pings)
    isStopped = true
    events.close()
  }

  /** A source that fails fails the stream, which takes no ping any more. */
  async function nextOrStop(): Promise<StreamEvent | null> {
    try {
      return await events.next()
    } catch (error) {
      stop()
      throw error
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (opening) controller.enqueue(opening)
        if (pingMs === undefined) return
        pings = setInterval(() => {
          // Only a reader that waits for an event hears one: it has taken everything before.
          if (isTaken) controller.enqueue(PING)
        }, pingMs)
        pings.unref()
      },
      async pull(controller) {
        clearTimeout(stalled)
        isTaken = true
        const event = next ?? (await nextOrStop())
        isTaken = false
        next = null
        // The reader has gone: its stream is closed already.
        if (isStopped) return
        const batch = event === null ? [] : takeBatch(events, event)
        if (batch.length > 0) controller.enqueue(joined(batch))
        if (batch.at(-1)?.isLast ?? true) {
          if (closing) controller.enqueue(closing)
          controller.close()
          return stop()
        }
        stalled = setTimeout(() => {
          // A stream that fails would be logged by the HTTP adapter as a fault of ours.
          if (cut) cut()
          else controller.error(new Error('the reader received nothing for too long'))
          stop()
        }, stalledAfterMs)
        stalled.unref()
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  )
}

/** One event is sent as it is, shared by all who get it; several are joined. */
function joined(batch: readonly StreamEvent[]): Buffer {
  const [only] = batch
  return batch.length === 1 && only ? only.event() : Buffer.concat(batch.map((one) => one.event()))
}

function takeBatch(events: EventSource, first: StreamEvent): StreamEvent[] {
  const batch = [first]
  for (let bytes = first.bytes; bytes < BATCH_BYTES && batch.at(-1)?.isLast === false; ) {
    const next = events.takeReady()
    if (next === null) break
    batch.push(next)
    bytes += next.bytes
  }
  return batch
}
