import type { ExecutionResult } from 'graphql'
import { createHandler, type Request as StreamRequest, type Response as StreamResponse } from 'graphql-sse'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { TransientError } from '../../core/errors.js'
import { eventStream } from '../../core/event-stream.js'
import type { ToClientError } from '../errors.js'
import { LIMITS } from '../limits.js'
import { type CallerContext, EVENTS_TYPE, type GraphQLServer, type Performed, perform, readOperation } from '../request.js'
import { jsonResponse } from '../response.js'
import { messageOf, ResultMessage } from '../result-stream.js'

/** Says to which stream an operation belongs. */
export const TOKEN_HEADER = 'x-graphql-event-stream-token'
const TOKEN_QUERY = 'token'
/** A stream that was reserved and not opened is forgotten after this long. */
const RESERVED_MS = 30_000
const MAX_STREAMS = 1_000
/** How many characters wait for a reader before the next result does. */
const BUFFERED = 1024 * 1024

type Caller = CallerContext & { readonly cut: () => void }
type Asked = StreamRequest<Request, Caller>

/** One stream, which carries many operations. */
interface Stream {
  /** Who reserved it; nobody else sends operations to it. */
  readonly owner: string
  operations: number
  /** Characters that its reader has not taken. */
  pending: number
  /** Called when there is room again. */
  wake: (() => void)[]
  expiry: NodeJS.Timeout | null
}

/**
 * GraphQL over server-sent events in the single connection mode of its protocol (graphql-sse): a stream is reserved by PUT and
 * opened by GET, operations come by POST and are left by DELETE. The distinct connections of the same protocol are Yoga's own.
 */
export function useSingleConnection(toClientError: ToClientError): Plugin<Record<string, unknown>, Caller> {
  const streams = new Map<string, Stream>()
  let handler: (request: Asked) => Promise<StreamResponse>

  function forget(token: string): void {
    const stream = streams.get(token)
    if (stream?.expiry) clearTimeout(stream.expiry)
    for (const wake of stream?.wake.splice(0) ?? []) wake()
    streams.delete(token)
  }

  async function run(yoga: GraphQLServer, request: Asked, params: Parameters<typeof perform>[2]): Promise<Performed> {
    const stream = streams.get(tokenOf(request.raw) ?? '')
    if (stream) stream.operations += 1
    // graphql-sse knows a result by its `data`, which what is refused has none of.
    const refused = (errors: ExecutionResult['errors']) => ({ data: undefined, errors }) as unknown as ExecutionResult
    try {
      if (stream && stream.operations > LIMITS.subscriptionsPerSocket) {
        const message = `This stream has ${LIMITS.subscriptionsPerSocket} operations open, the limit; complete one or open another stream`
        throw new TransientError('BAD_REQUEST', message)
      }
      const result = await perform(yoga, { ...request.context, takesEvents: true }, params)
      return isAsyncIterable(result) || result.data !== undefined ? result : refused(result.errors)
    } catch (error) {
      return refused([toClientError(error)])
    }
  }

  /** A reader that is behind is waited for, before more is kept for it. */
  async function waitForReader(request: Asked, result: ExecutionResult | ResultMessage): Promise<ExecutionResult> {
    const { text } = result instanceof ResultMessage ? result : messageOf(result)
    const token = tokenOf(request.raw) ?? ''
    while ((streams.get(token)?.pending ?? 0) > BUFFERED) {
      await new Promise<void>((resolve) => streams.get(token)?.wake.push(resolve))
    }
    const stream = streams.get(token)
    if (stream) stream.pending += text.length
    // Left as text in its event, so that it keeps every digit: `eventOf` takes it out.
    return { toJSON: () => text } as ExecutionResult
  }

  function reserve(token: string, owner: string, request: Asked): void {
    const expiry = setTimeout(() => void expire(token, request).catch(() => undefined), RESERVED_MS)
    expiry.unref()
    streams.set(token, { owner, operations: 0, pending: 0, wake: [], expiry })
  }

  /** The handler forgets a stream when it is closed, and closes only what was opened. */
  async function expire(token: string, request: Asked): Promise<void> {
    forget(token)
    const headers = headersOf({ accept: EVENTS_TYPE, [TOKEN_HEADER]: token })
    const [body] = await handler({ ...request, method: 'GET', headers })
    if (isAsyncIterable(body)) await body[Symbol.asyncIterator]().return?.()
  }

  function openStream(token: string, events: AsyncIterable<string>, { session, cut }: Caller): Response {
    const stream = streams.get(token)
    if (stream?.expiry) clearTimeout(stream.expiry)
    const iterator = events[Symbol.asyncIterator]()
    const close = (): void => {
      stopListening()
      forget(token)
      void iterator.return?.()
    }
    const stopListening = session.ending.onEnd(close)
    const source = {
      async next() {
        const { done, value } = await iterator.next()
        if (done) return null
        const { text, size } = eventOf(value)
        if (stream) {
          stream.pending -= size
          for (const wake of stream.wake.splice(0)) wake()
        }
        return { bytes: text.length, event: () => Buffer.from(text), isLast: false }
      },
      takeReady: () => null,
      close,
    }
    const headers = { 'content-type': EVENTS_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    return new Response(eventStream({ events: source, cut }), { headers })
  }

  async function respond(request: Request, caller: Caller): Promise<Response> {
    const { name } = caller.session.principal
    const { method, url, headers } = request
    const asked: Asked = {
      method,
      url,
      headers,
      raw: request,
      context: caller,
      body: async () => ({ ...(await readOperation(request)) }) as never,
    }
    const given = tokenOf(request)
    const owner = given === null ? undefined : streams.get(given)?.owner
    if (given !== null && method !== 'PUT' && owner !== name)
      throw new TransientError('NOT_FOUND', 'There is no such event stream')
    if (method === 'PUT' && streams.size >= MAX_STREAMS) {
      throw new TransientError('OVERLOADED', 'Too many event streams are open; close one first')
    }
    const [body, { status, headers: responded = {} }] = await handler(asked)
    if (method === 'PUT' && status === 201) reserve(String(body), name, asked)
    if (isAsyncIterable(body)) return openStream(given ?? '', body as AsyncIterable<string>, caller)
    return new Response(body as string | null, { status, headers: responded as Record<string, string> })
  }

  return {
    onYogaInit({ yoga }) {
      handler = createHandler<Request, Caller>({
        onSubscribe: (request, params) => run(yoga as unknown as GraphQLServer, request, params) as never,
        onNext: (_context, request, result) => waitForReader(request, result as ExecutionResult) as never,
        onComplete: (_context, request) => {
          const stream = streams.get(tokenOf(request.raw) ?? '')
          if (stream) stream.operations -= 1
        },
      })
    },
    async onRequest({ request, serverContext, endResponse }) {
      if (request.method !== 'DELETE' && !isReservation(request) && tokenOf(request) === null) return
      try {
        endResponse(await respond(request, serverContext as unknown as Caller))
      } catch (error) {
        endResponse(jsonResponse({ errors: [toClientError(error)] }))
      }
    },
  }
}

/** A PUT with a body is somebody's attempt at another request. */
function isReservation({ method, headers }: Request): boolean {
  return method === 'PUT' && !Number(headers.get('content-length') ?? 0) && !headers.has('transfer-encoding')
}

function tokenOf({ headers, url }: Request): string | null {
  return headers.get(TOKEN_HEADER) ?? new URL(url).searchParams.get(TOKEN_QUERY)
}

function headersOf(given: Readonly<Record<string, string>>): Asked['headers'] {
  return { get: (name) => given[name] ?? null }
}

/** An event as graphql-sse wrote it, with the result that it holds as text put in as the JSON that it is. */
function eventOf(written: string): { readonly text: string; readonly size: number } {
  const found = /^(event: next\ndata: )(.*)(\n\n)$/s.exec(written)
  if (found === null) return { text: written, size: 0 }
  const [, head = '', data = '', tail = ''] = found
  const { id, payload } = JSON.parse(data) as { readonly id: string; readonly payload: string }
  return { text: `${head}{"id":${JSON.stringify(id)},"payload":${payload}}${tail}`, size: payload.length }
}
