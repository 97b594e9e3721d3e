import type { ExecutionResult } from 'graphql'
import { TransientError } from '../core/errors.js'
import type { StreamEvent } from '../core/event-stream.js'
import type { MessageStream, Positioned } from '../variables/watch/watch-group.js'
import type { ClientError, ToClientError } from './errors.js'
import { LIMITS } from './limits.js'
import { stringifyResult } from './printer.js'

const EVENT_HEAD = 'event: next\ndata: '

/** One result, serialised once for everyone it is sent to. */
export class ResultMessage implements Positioned, StreamEvent {
  readonly kind: Positioned['kind']
  readonly revision: number
  /** JSON, every digit kept. */
  readonly text: string
  /** Why the stream ended; null in every message but the last of a stream that failed. */
  readonly error: ClientError | null
  #buffer: Buffer | undefined
  #event: Buffer | undefined

  constructor(text: string, { kind, revision }: EventPosition, error: ClientError | null = null) {
    this.text = text
    this.kind = kind
    this.revision = revision
    this.error = error
  }

  get isLast(): boolean {
    return false
  }

  get bytes(): number {
    return this.text.length
  }

  /** The text as bytes, made once. */
  buffer(): Buffer {
    this.#buffer ??= Buffer.from(this.text)
    return this.#buffer
  }

  /** The same as a server-sent event (graphql-sse). */
  event(): Buffer {
    this.#event ??= Buffer.from(`${EVENT_HEAD}${this.text}\n\n`)
    return this.#event
  }
}

export type ResultStream = MessageStream<ResultMessage>

type EventPosition = Pick<Positioned, 'kind' | 'revision'>

const NO_POSITION: EventPosition = { kind: 'changed', revision: 0 }

/** Where a watch is to begin, and where its source has come: a result itself may say neither. */
export interface WatchPosition {
  /** Goes before the argument of the document, which says where the client began. */
  readonly after: number | null
  event: EventPosition | null
}

/** A result of its own. */
export function messageOf(result: ExecutionResult): ResultMessage {
  return new ResultMessage(stringifyResult(result), NO_POSITION)
}

interface StreamParts {
  readonly results: AsyncIterable<ExecutionResult>
  readonly position: WatchPosition
  readonly toClientError: ToClientError
}

/** The results of a subscription, as clients get them; an error is the last message. */
export function streamResults({ results, position, toClientError }: StreamParts): ResultStream {
  const iterator = results[Symbol.asyncIterator]()
  let isOver = false

  function close(): void {
    if (isOver) return
    isOver = true
    // A source may reject with the abort that this is: the reader is gone, nobody is to be told.
    void iterator.return?.().then(undefined, () => undefined)
  }

  function message({ data, errors }: ExecutionResult): ResultMessage {
    const text = stringifyResult({ ...(errors && { errors: errors.map(toClientError) }), ...(data !== undefined && { data }) })
    if (text.length <= LIMITS.messageBytes) return new ResultMessage(text, position.event ?? NO_POSITION)
    close()
    const limit = LIMITS.messageBytes
    const tooLarge = `One message has ${text.length} characters, over the limit of ${limit}: watch fewer fields or names`
    return endMessage(toClientError(new TransientError('TOO_LARGE', tooLarge, { details: { limit } })), position)
  }

  return {
    async next() {
      if (isOver) return null
      try {
        const { done, value } = await iterator.next()
        if (!done) return message(value)
        isOver = true
        return null
      } catch (error) {
        if (isOver) return null
        isOver = true
        return endMessage(toClientError(error), position)
      }
    },
    takeReady: () => null,
    close,
  }
}

/** A stream of one message: the error that kept it from going on. */
export function failedStream(error: ClientError, after: number): ResultStream {
  let last: ResultMessage | null = endMessage(error, { after, event: null })
  return {
    async next() {
      const message = last
      last = null
      return message
    },
    takeReady: () => null,
    close: () => {
      last = null
    },
  }
}

/** The messages as transports read them: a stream that failed throws why. `return` ends it also while a message is awaited. */
export function iterateMessages(messages: ResultStream): AsyncGenerator<ResultMessage, void, undefined> {
  async function close(): Promise<IteratorResult<ResultMessage, void>> {
    messages.close()
    return { done: true, value: undefined }
  }
  function resultOf(message: ResultMessage | null): IteratorResult<ResultMessage, void> {
    if (message === null) return { done: true, value: undefined }
    if (message.error === null) return { done: false, value: message }
    messages.close()
    throw message.error
  }
  const iterator: AsyncGenerator<ResultMessage, void, undefined> = {
    next: () => messages.next().then(resultOf),
    return: close,
    async throw(error) {
      await close()
      throw error
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

function endMessage(error: ClientError, { after, event }: WatchPosition): ResultMessage {
  const revision = event?.revision ?? after ?? 0
  return new ResultMessage(stringifyResult({ errors: [error] }), { kind: 'end', revision }, error)
}
