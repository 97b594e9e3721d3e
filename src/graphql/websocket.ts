import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode, handleProtocols, makeServer, type OperationResult } from 'graphql-ws'
import { isAsyncIterable } from 'graphql-yoga'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Session } from '../access/session.js'
import { TransientError } from '../core/errors.js'
import type { JsonObject } from '../core/json.js'
import type { ReportFault, ToClientError } from './errors.js'
import { LIMITS } from './limits.js'
import type { GraphQLServer } from './request.js'
import { checkOperation, contextOf, signalOf } from './request.js'
import { messageOf, type ResultMessage } from './result-stream.js'
import { closeSoon, createSocket, faultOf, leftOut } from './socket.js'

const END_GRACE_MS = 500
const CLOSE_GRACE_MS = 2_000
const GOING_AWAY = 1001
const INTERNAL_ERROR = 1011

export interface WebSocketOptions {
  readonly yoga: GraphQLServer
  readonly toClientError: ToClientError
  readonly report: ReportFault
  /** Whose connection it is, from its upgrade request and the payload of `connection_init`; null: closed with 4403. */
  authorize(request: IncomingMessage, payload: JsonObject): Promise<Session | null>
}

export interface WebSocketEndpoint {
  /** Takes over an upgrade whose origin has been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Sends every client away; they resume elsewhere. */
  close(): void
}

/** What graphql-ws keeps for a connection. */
interface Extra {
  readonly request: IncomingMessage
  readonly socket: WebSocket
  session?: Session
  forget?: () => unknown
}

type Run = (args: ExecutionArgs) => Promise<ExecutionResult | AsyncIterable<ResultMessage>>

/** An operation with what runs it: those of its own envelope. */
interface PreparedArgs extends ExecutionArgs {
  readonly execute: Run
  readonly subscribe: Run
  /** Aborted when the client has left the operation. */
  readonly abort: AbortController
}

/** GraphQL over WebSocket: graphql-ws speaks the protocol (graphql-transport-ws), Yoga's envelope runs the operations. */
export function createWebSocketEndpoint({ yoga, toClientError, report, authorize }: WebSocketOptions): WebSocketEndpoint {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.frameBytes,
    perMessageDeflate: false,
    handleProtocols,
  })
  const protocol = makeServer<JsonObject, Extra>({
    connectionInitWaitTimeout: LIMITS.connectionInitMs,
    async onConnect({ connectionParams = {}, extra }) {
      const session = await authorize(extra.request, connectionParams)
      if (session === null) return false
      extra.session = session
      // What runs ends with an error of its own first.
      const end = (): void => extra.socket.close(CloseCode.Forbidden, 'Forbidden')
      extra.forget = session.ending.onEnd(() => setTimeout(end, END_GRACE_MS))
      return true
    },
    async onSubscribe({ extra: { session }, subscriptions }, _id, payload) {
      try {
        if (session === undefined) throw new Error('an operation came before its session')
        session.admit()
        checkOpen(Object.keys(subscriptions).length - 1)
        const fault = faultOf(payload as object)
        if (fault !== null) throw fault
        const params = checkOperation(payload as unknown as JsonObject)
        const abort = new AbortController()
        const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped({
          ...contextOf(session, signalOf(abort)),
          params,
        })
        const document = parse(params.query)
        const errors = validate(schema, document)
        if (errors.length > 0) return errors
        const { variables: variableValues, operationName } = params
        const contextValue = await contextFactory()
        return { schema, document, contextValue, variableValues, operationName, abort, execute, subscribe }
      } catch (error) {
        return [toClientError(error)]
      }
    },
    // What they give are ResultMessages, which the socket sends as the text that they have.
    execute: (args) => messagesOf('execute', args as PreparedArgs) as OperationResult,
    subscribe: (args) => messagesOf('subscribe', args as PreparedArgs) as OperationResult,
    onNext: (_context, _id, _payload, _args, message) => leftOut(message as ResultMessage),
    onError: (_context, _id, _payload, errors) => errors.flatMap(causes).map((error) => toClientError(error).toJSON()),
    onClose: ({ extra }) => void extra.forget?.(),
  })

  sockets.on('connection', (client: WebSocket, request: IncomingMessage) => {
    const onFault = (error: unknown): void => {
      report('websocket', error)
      client.close(INTERNAL_ERROR, 'Internal error')
    }
    const { socket, stop } = createSocket(client, { line: request.socket, onFault, onStalled: () => closed() })
    const onClosed = protocol.opened(socket, { request, socket: client })
    // A frame over the limit or a broken connection: ws closes the socket itself.
    client.on('error', () => undefined)
    function closed(code = CloseCode.InternalServerError as number, reason = ''): void {
      stop()
      onClosed(code, reason).catch(onFault)
    }
    client.once('close', (code, reason) => closed(code, String(reason)))
  })

  return {
    upgrade: (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request))
    },
    close: () => {
      for (const client of sockets.clients) closeSoon(client, { code: GOING_AWAY, reason: 'Going away', graceMs: CLOSE_GRACE_MS })
    },
  }
}

function checkOpen(others: number): void {
  if (others < LIMITS.subscriptionsPerSocket) return
  const message = `This socket has ${others} operations open, the limit; complete one or open another socket`
  throw new TransientError('BAD_REQUEST', message)
}

/**
 * What an operation gives, as messages: a query is a stream of one. `return`, which the protocol calls when the client has left,
 * also ends what is still read for it.
 */
function messagesOf(kind: 'execute' | 'subscribe', prepared: PreparedArgs): AsyncGenerator<ResultMessage, void, undefined> {
  const { abort, execute, subscribe, ...args } = prepared
  let source: AsyncIterator<ResultMessage> | null = null

  async function start(): Promise<AsyncIterator<ResultMessage>> {
    const result = await (kind === 'execute' ? execute : subscribe)(args)
    if (isAsyncIterable(result)) return result[Symbol.asyncIterator]()
    // Nothing ran: the protocol has a message of its own for that.
    if (result.data === undefined) throw new AggregateError(result.errors ?? [], 'the operation was refused')
    return only(messageOf(result))
  }

  async function stop(): Promise<IteratorResult<ResultMessage, void>> {
    abort.abort()
    await source?.return?.()
    return { done: true, value: undefined }
  }

  async function begin(): Promise<IteratorResult<ResultMessage, void>> {
    source = await start()
    return abort.signal.aborted ? stop() : source.next()
  }

  const messages: AsyncGenerator<ResultMessage, void, undefined> = {
    next: () => source?.next() ?? begin(),
    return: stop,
    async throw(error) {
      await stop()
      throw error
    },
    [Symbol.asyncIterator]: () => messages,
  }
  return messages
}

async function* only<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value
}

/** What graphql-ws has wrapped. */
function causes(error: GraphQLError): readonly unknown[] {
  return error.originalError instanceof AggregateError ? error.originalError.errors : [error]
}
