import { fromProblem, PROBLEM_MEDIA_TYPE } from '../contract/problem.js'
import { NotJsonError, toCheckedJson } from '../core/checked-json.js'
import { errorMessage, TransientError } from '../core/errors.js'
import { type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import { linkSignals } from '../core/linked-signal.js'

/** How long a whole response may take. */
const ANSWER_MS = 60_000

export interface ClientOptions {
  /** `http://127.0.0.1:4000` */
  readonly url: string
  readonly key?: string | null | undefined
}

/** No server responded at all. */
export class UnreachableError extends Error {
  readonly url: string

  constructor(url: string, cause: unknown, message = `no Transient server answers at ${url}`) {
    super(message, { cause })
    this.name = 'UnreachableError'
    this.url = url
  }
}

/** The request was sent, and no whole response came: it may have been carried out. */
export class ResponseLostError extends UnreachableError {
  constructor(url: string, cause: unknown, reason: string) {
    super(url, cause, `the server at ${url} ${reason}: the request may have been carried out`)
    this.name = 'ResponseLostError'
  }
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly body?: JsonValue
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export interface HttpResponse {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

export interface HttpStream extends Omit<HttpResponse, 'text'> {
  /** The body, piece by piece; an abort ends it with the signal's reason. To be read, or ended by `return()`. */
  readonly pieces: AsyncGenerator<Uint8Array, void, undefined>
}

export interface Http {
  readonly url: string
  /**
   * One whole response.
   * @throws UnreachableError, ResponseLostError; TransientError VALIDATION for a body that is not JSON; an abort rejects with the signal's reason
   */
  send(request: HttpRequest & { readonly timeoutMs?: number }): Promise<HttpResponse>
  /** A response that goes on until it is complete, or the signal aborts. Throws as `send` does. */
  open(request: HttpRequest): Promise<HttpStream>
}

/** HTTP with one server. */
export function createHttp({ url, key }: ClientOptions): Http {
  const base = url.replace(/\/+$/, '')
  const credential: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}

  async function open({ method, path, body, headers = {}, signal }: HttpRequest): Promise<HttpStream> {
    const text = body === undefined ? null : bodyText(body)
    const type: Record<string, string> = text === null ? {} : { 'content-type': 'application/json' }
    const request = { method, redirect: 'error', headers: { ...type, ...credential, ...headers }, body: text } as const
    try {
      const response = await fetch(`${base}${path}`, { ...request, signal: signal ?? null })
      const contentType = response.headers.get('content-type') ?? ''
      return { status: response.status, contentType, pieces: readPieces(response.body, signal) }
    } catch (error) {
      if (signal?.aborted) throw error
      throw new UnreachableError(base, error)
    }
  }

  return {
    url: base,
    open,
    async send({ timeoutMs = ANSWER_MS, ...request }) {
      const limited = linkSignals([request.signal], { timeoutMs })
      try {
        const { status, contentType, pieces } = await open({ ...request, signal: limited.signal })
        return { status, contentType, text: await readText(pieces) }
      } catch (error) {
        if (request.signal?.aborted || error instanceof UnreachableError || error instanceof TransientError) throw error
        const reason = limited.signal.aborted ? `gave no answer within ${timeoutMs / 1000} s` : 'broke off its answer'
        throw new ResponseLostError(base, error, reason)
      } finally {
        limited.release()
      }
    },
  }
}

function bodyText(body: unknown): string {
  try {
    return stringifyJson(toCheckedJson(body, 'body'))
  } catch (error) {
    if (error instanceof NotJsonError) throw new TransientError('VALIDATION', `the request is not JSON: ${error.message}`)
    throw new TransientError('TOO_LARGE', `the request cannot be written as one text: ${errorMessage(error)}`)
  }
}

/** Node 20's fetch forgets its signal once a garbage collection has taken the request: from the headers on, an abort has to end the reading itself. */
async function* readPieces(body: ReadableStream<Uint8Array> | null, signal: AbortSignal | undefined) {
  if (body === null) return
  const reader = body.getReader()
  const stop = () => void reader.cancel(signal?.reason).catch(() => undefined)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = await reader.read()
      signal?.throwIfAborted()
      if (next.done) return
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await reader.cancel().catch(() => undefined)
  }
}

export function isMediaType({ contentType }: Pick<HttpResponse, 'contentType'>, type: string): boolean {
  return contentType.startsWith(type)
}

/** The text of what is left of a stream. */
export async function readText(pieces: HttpStream['pieces']): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const piece of pieces) chunks.push(piece)
  return Buffer.concat(chunks).toString('utf8')
}

/** The error that a response describes. */
export function responseError(response: HttpResponse): Error {
  if (!isMediaType(response, PROBLEM_MEDIA_TYPE)) return fromProblem(null, response.status)
  try {
    return fromProblem(parseJson(response.text), response.status)
  } catch (error) {
    return new Error(`the server's problem could not be read: ${errorMessage(error)}`)
  }
}
