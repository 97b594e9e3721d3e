import type { MessageStream } from '../variables/watch/watch-group.js'
import type { EventMessage } from './event-messages.js'

const STALLED_AFTER_MS = 30_000
/** What is there already goes along, up to a size. */
const BATCH_BYTES = 64 * 1024

interface EventStreamOptions {
  /** The first message was already taken, so that an error before it has an HTTP status of its own. */
  readonly first: EventMessage
  readonly messages: MessageStream<EventMessage>
  readonly stalledAfterMs?: number
  /** Cuts a stalled reader off; without it the stream fails. */
  readonly cut?: (() => void) | undefined
}

/**
 * Watch events as server-sent events. More is taken only when the socket has taken what was before: a slow reader is never
 * skipped and costs a fixed buffer. One that takes nothing for 30 s is cut off, and resumes.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { first, messages, stalledAfterMs = STALLED_AFTER_MS, cut } = options
  let next: EventMessage | null = first
  let stalled: NodeJS.Timeout | undefined
  let isStopped = false

  function stop(): void {
    clearTimeout(stalled)
    isStopped = true
    messages.close()
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled)
        const message = next ?? (await messages.next())
        next = null
        // The reader has gone: its stream is closed already.
        if (isStopped) return
        const batch = message === null ? [] : takeBatch(messages, message)
        if (batch.length > 0) controller.enqueue(Buffer.concat(batch.map((one) => one.buffer())))
        if ((batch.at(-1)?.kind ?? 'end') === 'end') {
          controller.close()
          return stop()
        }
        stalled = setTimeout(() => {
          // A stream that fails would be logged by the HTTP adapter as a fault of ours.
          if (cut) cut()
          else controller.error(new Error('the reader took nothing for too long'))
          stop()
        }, stalledAfterMs)
        stalled.unref()
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  )
}

function takeBatch(messages: MessageStream<EventMessage>, first: EventMessage): EventMessage[] {
  const batch = [first]
  for (let bytes = first.bytes; bytes < BATCH_BYTES && batch.at(-1)?.kind !== 'end'; ) {
    const next = messages.takeReady()
    if (next === null) break
    batch.push(next)
    bytes += next.bytes
  }
  return batch
}
