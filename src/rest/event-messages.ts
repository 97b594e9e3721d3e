import { toProblem } from '../contract/problem.js'
import type { WatchEventBody } from '../contract/variables.js'
import type { TransientError } from '../core/errors.js'
import type { StreamEvent } from '../core/event-stream.js'
import { type JsonObject, stringifyJson } from '../core/json.js'
import { changeBody } from '../variables/change-body.js'
import type { WatchEvent } from '../variables/service.js'
import type { MessageStream, Positioned } from '../variables/watch/watch-group.js'

/** One server-sent event, serialised once for everyone it is sent to. */
export interface EventMessage extends Positioned, StreamEvent {
  /** Why the stream ended; null in every message but the last of a stream that failed. */
  readonly error: TransientError | null
}

interface MessageParts {
  readonly open: (signal: AbortSignal) => AsyncGenerator<WatchEvent, void, undefined>
  /** What a client may see of an error in mid-stream. */
  readonly toClientError: (error: unknown) => TransientError
}

/** Watch events as a client gets them; an error is the last message. */
export function eventMessages({ open, toClientError }: MessageParts): MessageStream<EventMessage> {
  const abort = new AbortController()
  let events: ReturnType<typeof open> | null = null
  let revision = 0

  return {
    async next() {
      if (abort.signal.aborted) return null
      try {
        events ??= open(abort.signal)
        const { done, value } = await events.next()
        if (done) return null
        revision = value.revision
        const body: WatchEventBody = { revision, changes: value.changes.map(changeBody) }
        const text = `event: ${value.kind}\nid: ${revision}\ndata: ${stringifyJson(body as JsonObject)}\n\n`
        return createMessage(text, { kind: value.kind, revision, error: null })
      } catch (thrown) {
        if (abort.signal.aborted) return null
        const error = toClientError(thrown)
        const text = `event: problem\ndata: ${stringifyJson(toProblem(error))}\n\n`
        return createMessage(text, { kind: 'end', revision, error })
      }
    },
    takeReady: () => null,
    close() {
      abort.abort()
      // The generator may reject with the abort that this is: the reader is gone, nobody is to be told.
      void events?.return(undefined).catch(() => undefined)
    },
  }
}

function createMessage(text: string, position: Pick<EventMessage, 'kind' | 'revision' | 'error'>): EventMessage {
  let bytes: Buffer | null = null
  const event = (): Buffer => {
    bytes ??= Buffer.from(text)
    return bytes
  }
  return { ...position, bytes: text.length, event, isLast: position.kind === 'end' }
}
