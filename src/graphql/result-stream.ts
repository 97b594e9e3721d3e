import type { ExecutionResult, GraphQLFormattedError } from 'graphql'
import { TransientError } from '../core/errors.js'
import type { MessageStream, Positioned } from '../variables/watch/watch-group.js'
import { clientErrors, type ReportFault } from './errors.js'
import { LIMITS } from './limits.js'
import { stringifyResult } from './result.js'

/** One result of a stream, serialised once for everyone it is sent to. */
export interface ResultMessage extends Positioned {
  readonly text: string
  /** The text as bytes, made once. */
  readonly buffer: () => Buffer
  /** Why the stream ended; null in every message but the last of a stream that failed. */
  readonly errors: readonly GraphQLFormattedError[] | null
}

export type ResultStream = MessageStream<ResultMessage>

type Place = Pick<Positioned, 'kind' | 'revision'>

/** Where a watch is to begin, and where its source has come: a result itself may say neither. */
export interface WatchPlace {
  /** Goes before the argument of the document, which says where the client began. */
  readonly after: number | null
  event: Place | null
}

interface StreamParts {
  readonly results: AsyncIterable<ExecutionResult>
  readonly place: WatchPlace
  readonly report: ReportFault
}

/** The results of a subscription, as clients get them; an error is the last message. */
export function streamResults({ results, place, report }: StreamParts): ResultStream {
  const iterator = results[Symbol.asyncIterator]()
  let isOver = false

  function close(): void {
    if (isOver) return
    isOver = true
    // A source may reject with the abort that this is: the reader is gone, nobody is to be told.
    void iterator.return?.().then(undefined, () => undefined)
  }

  function message(result: ExecutionResult): ResultMessage {
    const { data, errors } = result
    const text = stringifyResult({
      ...(errors && { errors: clientErrors(errors, report) }),
      ...(data !== undefined && { data }),
    })
    if (text.length <= LIMITS.messageBytes) return createMessage(text, { kind: 'changed', revision: 0, ...place.event })
    close()
    const limit = LIMITS.messageBytes
    const tooLarge = `One message has ${text.length} characters, over the limit of ${limit}: watch fewer fields or names`
    return endMessage(clientErrors([new TransientError('TOO_LARGE', tooLarge, { details: { limit } })], report), place)
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
        return endMessage(clientErrors([error], report), place)
      }
    },
    takeReady: () => null,
    close,
  }
}

/** A stream of one message: the errors that kept it from going on. */
export function failedStream(errors: readonly GraphQLFormattedError[], after: number): ResultStream {
  let last: ResultMessage | null = endMessage(errors, { after, event: null })
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

function createMessage(text: string, { kind, revision }: Place, errors: ResultMessage['errors'] = null): ResultMessage {
  let bytes: Buffer | null = null
  const buffer = (): Buffer => {
    bytes ??= Buffer.from(text)
    return bytes
  }
  return { kind, revision, text, buffer, bytes: text.length, errors }
}

function endMessage(errors: readonly GraphQLFormattedError[], { after, event }: WatchPlace): ResultMessage {
  const revision = event?.revision ?? after ?? 0
  return createMessage(stringifyResult({ errors }), { kind: 'end', revision }, errors)
}
