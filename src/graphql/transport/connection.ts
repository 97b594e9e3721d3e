import type { GraphQLFormattedError } from 'graphql'
import { CloseCode, MessageType, validateMessage } from 'graphql-ws'
import type { Session } from '../../access/session.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import { type JsonObject, type JsonValue, parseJson } from '../../core/json.js'
import { parseJsonBody } from '../../core/json-body.js'
import { contextOf, createPresence, type Presence } from '../context.js'
import { clientErrors, type ReportFault } from '../errors.js'
import { LIMITS } from '../limits.js'
import type { Pipeline } from '../pipeline.js'
import { stringifyResult } from '../result.js'
import type { ResultMessage, ResultStream } from '../result-stream.js'
import { checkOperation } from './body.js'

const SHARED_FROM_BYTES = 16 * 1024
const BATCH_BYTES = 64 * 1024
const END_GRACE_MS = 500

export interface Socket {
  /** Resolves once the message has left this process; its parts are one message. */
  send(...parts: readonly (string | Buffer)[]): Promise<void>
  /** Until `uncork`, what is sent is gathered, and then leaves at once. */
  cork(): void
  uncork(): void
  close(code: number, reason: string): void
}

export interface ConnectionOptions {
  readonly socket: Socket
  readonly pipeline: Pipeline
  readonly report: ReportFault
  /** Whose connection it is by `connection_init`; null: nobody's, it is closed. */
  authorize(payload: JsonObject): Promise<Session | null>
}

export interface Connection {
  receive(text: string): Promise<void>
  /** The socket is gone, or is being closed: every operation ends, and nothing is received any more. */
  closed(): void
}

interface Operation {
  isStopped: boolean
  messages: ResultStream | null
  readonly presence: Presence
}

/**
 * One connection of the protocol graphql-transport-ws. Messages are parsed and written here rather than by graphql-ws'
 * server, which knows no other JSON than JSON.parse's: values must keep their digits.
 */
export function createConnection({ socket, pipeline, report, authorize }: ConnectionOptions): Connection {
  const operations = new Map<string, Operation>()
  let isInitialised = false
  let isClosed = false
  let session: Session | null = null
  let forget: () => void = () => undefined
  let initialising: Promise<void> = Promise.resolve()
  const initTimeout = setTimeout(
    () => isInitialised || socket.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout'),
    LIMITS.connectionInitMs,
  )

  async function receive(text: string): Promise<void> {
    if (isClosed) return
    const { message, fault } = parseMessage(text)
    if (message === null) return socket.close(CloseCode.BadRequest, 'Invalid message received')
    switch (message.type) {
      case MessageType.ConnectionInit:
        initialising = initialise(message.payload ?? {})
        return initialising
      case MessageType.Ping:
        return socket.send(`{"type":"pong"}`)
      case MessageType.Pong:
        return
      case MessageType.Subscribe:
        return subscribe(message.id, message.payload, fault)
      case MessageType.Complete:
        return stop(message.id)
      default:
        return socket.close(CloseCode.BadRequest, 'Invalid message received')
    }
  }

  async function initialise(payload: JsonObject): Promise<void> {
    if (isInitialised) return socket.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    isInitialised = true
    session = await authorize(payload)
    if (session === null) return socket.close(CloseCode.Forbidden, 'Forbidden')
    // What runs ends with an error of its own first.
    forget = session.ending.onEnd(() => setTimeout(() => socket.close(CloseCode.Forbidden, 'Forbidden'), END_GRACE_MS))
    await socket.send(`{"type":"connection_ack"}`)
  }

  async function subscribe(id: string, payload: JsonValue, fault: TransientError | null): Promise<void> {
    if (session === null) await initialising
    if (session === null) return socket.close(CloseCode.Unauthorized, 'Unauthorized')
    if (operations.has(id))
      return socket.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`.slice(0, 120))
    if (operations.size >= LIMITS.subscriptionsPerSocket) {
      const message = `This socket has ${operations.size} operations open, the limit; complete one or open another socket`
      return sendMessage(id, 'error', stringifyResult(clientErrors([new TransientError('BAD_REQUEST', message)], report)))
    }
    const operation: Operation = { isStopped: false, messages: null, presence: createPresence() }
    operations.set(id, operation)
    try {
      const errors = await run(id, { operation, payload, fault, session })
      if (operation.isStopped) return
      operations.delete(id)
      if (errors === null) await socket.send(`{"id":${JSON.stringify(id)},"type":"complete"}`)
      else await sendMessage(id, 'error', stringifyResult(errors))
    } finally {
      if (operations.get(id) === operation) operations.delete(id)
    }
  }

  /** Sends every result; answers the errors that ended the operation, or null. */
  async function run(id: string, { operation, payload, fault, session }: Run): Promise<readonly GraphQLFormattedError[] | null> {
    try {
      session.admit()
      if (fault !== null) throw fault
      const prepared = pipeline.prepare(checkOperation(payload), contextOf(session, operation.presence))
      if ('errors' in prepared) return prepared.errors
      const outcome = await prepared.perform()
      if (outcome.kind === 'refused') return outcome.errors
      if (outcome.kind === 'result') {
        if (!operation.isStopped) await sendMessage(id, 'next', stringifyResult(outcome.result))
        return null
      }
      operation.messages = outcome.messages
      if (operation.isStopped) outcome.messages.close()
      for (let next = await outcome.messages.next(); next !== null; next = await outcome.messages.next()) {
        const ready = takeBatch(outcome.messages, next)
        if (operation.isStopped) return null
        await sendBatch(id, ready)
        const errors = ready.at(-1)?.errors ?? null
        if (errors !== null) return errors
      }
      return null
    } catch (error) {
      return clientErrors([error], report)
    }
  }

  function sendMessage(id: string, type: 'next' | 'error', payload: string): Promise<void> {
    return socket.send(`{"id":${JSON.stringify(id)},"type":"${type}","payload":${payload}}`)
  }

  /** Several messages in one go: a socket costs the less for each, the more it is behind. */
  async function sendBatch(id: string, messages: readonly ResultMessage[]): Promise<void> {
    socket.cork()
    const sent = messages.filter(({ errors }) => errors === null).map((message) => sendNext(id, message))
    socket.uncork()
    await sent.at(-1)
  }

  /** What many subscribers get is copied for each of them only while it is small. */
  function sendNext(id: string, message: ResultMessage): Promise<void> {
    const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
    if (message.bytes < SHARED_FROM_BYTES) return socket.send(`${head}${message.text}}`)
    return socket.send(head, message.buffer(), '}')
  }

  function stop(id: string): void {
    const operation = operations.get(id)
    if (operation === undefined) return
    operations.delete(id)
    operation.isStopped = true
    operation.presence.leave()
    operation.messages?.close()
  }

  function closed(): void {
    isClosed = true
    clearTimeout(initTimeout)
    forget()
    for (const id of operations.keys()) stop(id)
  }

  return { receive, closed }
}

interface Run {
  readonly operation: Operation
  readonly payload: JsonValue
  readonly fault: TransientError | null
  readonly session: Session
}

/** What is there already goes along, up to a size. */
function takeBatch(stream: ResultStream, first: ResultMessage): ResultMessage[] {
  const batch = [first]
  let bytes = first.bytes
  while (bytes < BATCH_BYTES && batch.at(-1)?.errors === null) {
    const next = stream.takeReady()
    if (next === null) break
    batch.push(next)
    bytes += next.bytes
  }
  return batch
}

type ClientMessage =
  | { readonly type: 'connection_init'; readonly payload?: JsonObject }
  | { readonly type: 'ping' | 'pong' }
  | { readonly type: 'subscribe'; readonly id: string; readonly payload: JsonValue }
  | { readonly type: 'complete'; readonly id: string }

interface ParsedMessage {
  /** null: this is none of the protocol. */
  readonly message: ClientMessage | null
  /** Why what it asks for is refused. */
  readonly fault: TransientError | null
}

function parseMessage(text: string): ParsedMessage {
  try {
    return { message: validateMessage(parseJsonBody(text)) as ClientMessage, fault: null }
  } catch (error) {
    // A key that an object has twice is no reason to end all that runs over this socket.
    if (!isTransientError(error) || error.code !== 'VALIDATION') return { message: null, fault: null }
    return { message: validMessage(parseJson(text)), fault: error }
  }
}

function validMessage(value: JsonValue): ClientMessage | null {
  try {
    return validateMessage(value) as ClientMessage
  } catch {
    return null
  }
}
