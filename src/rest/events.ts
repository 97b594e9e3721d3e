import { toProblem } from '../contract/problem.js'
import type { WatchEventBody } from '../contract/variables.js'
import type { TransientError } from '../core/errors.js'
import { type JsonObject, stringifyJson } from '../core/json.js'
import type { WatchEvent } from '../variables/service.js'
import { changeBody } from './bodies.js'

const STALLED_AFTER_MS = 30_000

interface EventStreamOptions {
  /** Its first event was already taken, so that an error before it has an HTTP status of its own. */
  readonly first: WatchEvent
  readonly events: AsyncGenerator<WatchEvent, void, undefined>
  readonly abort: AbortController
  /** What a client may see of an error in mid-stream. */
  readonly toClientError: (error: unknown) => TransientError
  readonly stalledAfterMs?: number
  /** Cuts a stalled reader off; without it the stream fails. */
  readonly cut?: (() => void) | undefined
}

function frame(event: WatchEvent): string {
  const body: WatchEventBody = { revision: event.revision, changes: event.changes.map(changeBody) }
  return `event: ${event.kind}\nid: ${event.revision}\ndata: ${stringifyJson(body as JsonObject)}\n\n`
}

/**
 * Watch events as server-sent events. The next event is fetched only when the socket has taken the one before: a slow
 * reader is never skipped and costs one message. One that takes nothing for 30 s is cut off, and resumes.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { first, events, abort, toClientError, stalledAfterMs = STALLED_AFTER_MS, cut } = options
  const encoder = new TextEncoder()
  let next: WatchEvent | null = first
  let stalled: NodeJS.Timeout | undefined

  async function stop(): Promise<void> {
    clearTimeout(stalled)
    abort.abort()
    await events.return(undefined)
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled)
        try {
          const event = next ?? (await events.next()).value
          next = null
          // The reader has gone: its stream is closed already.
          if (abort.signal.aborted) return
          if (event === undefined) {
            controller.close()
            return
          }
          controller.enqueue(encoder.encode(frame(event)))
          stalled = setTimeout(() => {
            // A stream that fails would be logged by the HTTP adapter as a fault of ours.
            if (cut) cut()
            else controller.error(new Error('the reader took nothing for too long'))
            void stop()
          }, stalledAfterMs)
          stalled.unref()
        } catch (thrown) {
          if (abort.signal.aborted) return
          const problem = stringifyJson(toProblem(toClientError(thrown)))
          controller.enqueue(encoder.encode(`event: problem\ndata: ${problem}\n\n`))
          controller.close()
          await stop()
        }
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  )
}
