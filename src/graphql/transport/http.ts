import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FormattedExecutionResult } from 'graphql'
import type { Session } from '../../access/session.js'
import { type ErrorCode, isTransientError, TransientError } from '../../core/errors.js'
import { contextOf, createPresence, type GraphQLContext } from '../context.js'
import { clientErrors, type ReportFault } from '../errors.js'
import type { Outcome, Pipeline } from '../pipeline.js'
import { stringifyResult } from '../result.js'
import { readOperation } from './body.js'
import { acceptedTypes, EVENTS_TYPE, GRAPHQL_TYPE, JSON_TYPE, type MediaType } from './media.js'
import { sendOnly, sendStream } from './sse.js'

export interface HttpHandlerOptions {
  readonly pipeline: Pipeline
  readonly report: ReportFault
}

export type GraphQLHandler = (request: IncomingMessage, response: ServerResponse, session: Session) => Promise<void>

/** GraphQL over HTTP: JSON bodies by POST, answered as JSON, or as server-sent events where the client accepts those. */
export function createHttpHandler({ pipeline, report }: HttpHandlerOptions): GraphQLHandler {
  return async (request, response, session) => {
    const presence = createPresence()
    response.once('close', () => response.writableFinished || presence.leave())
    const context = contextOf(session, presence)
    const types = acceptedTypes(request.headers.accept)
    try {
      await answer(request, response, { pipeline, context, types })
    } catch (error) {
      // Whoever asked is gone, or was cut off for being slow.
      if (request.destroyed && !request.complete) return
      if (response.headersSent) {
        response.destroy()
        if (!isTransientError(error)) clientErrors([error], report)
        return
      }
      const errors = clientErrors([error], report)
      const status = isTransientError(error) ? error.status : 500
      // What is left of a refused body is not worth reading.
      if (!request.complete) response.setHeader('connection', 'close')
      sendJson(response, { result: { errors }, type: types.find((type) => type !== EVENTS_TYPE) ?? JSON_TYPE, status })
      request.resume()
    }
  }
}

interface Answering {
  readonly pipeline: Pipeline
  readonly context: GraphQLContext
  readonly types: readonly MediaType[]
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { pipeline, context, types }: Answering,
): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    const errors = [{ message: 'GraphQL is asked by POST with a JSON body', extensions: { code: 'BAD_REQUEST' } }]
    return sendJson(response, { result: { errors }, type: JSON_TYPE, status: 405 })
  }
  const operation = await readOperation(request)
  const prepared = pipeline.prepare(operation, context)
  const isSubscription = 'operation' in prepared && prepared.operation.operation === 'subscription'
  const type = isSubscription ? types.find((candidate) => candidate === EVENTS_TYPE) : types[0]
  if (type === undefined) return sendNotAcceptable(response, isSubscription)
  if ('errors' in prepared) {
    return sendOutcome(response, { outcome: { kind: 'refused', errors: prepared.errors }, type, refusedStatus: 200 })
  }
  return sendOutcome(response, { outcome: await prepared.perform(), type, refusedStatus: 400 })
}

interface Sending {
  readonly outcome: Outcome
  readonly type: MediaType
  /** Status of a refusal as application/json: GraphQL over HTTP wants 200 for a document at fault. */
  readonly refusedStatus: number
}

async function sendOutcome(response: ServerResponse, { outcome, type, refusedStatus }: Sending): Promise<void> {
  if (outcome.kind === 'stream') return sendStream(response, outcome.messages)
  const result = outcome.kind === 'refused' ? { errors: outcome.errors } : outcome.result
  if (type === EVENTS_TYPE) return sendOnly(response, stringifyResult(result))
  if (result.errors?.some(({ extensions }) => extensions?.['code'] === 'OVERLOADED')) response.setHeader('retry-after', '1')
  const status = outcome.kind === 'result' ? 200 : type === GRAPHQL_TYPE ? 400 : refusedStatus
  sendJson(response, { result, type, status })
}

function sendNotAcceptable(response: ServerResponse, isSubscription: boolean): void {
  const wanted = isSubscription ? EVENTS_TYPE : `${JSON_TYPE}, ${GRAPHQL_TYPE} or ${EVENTS_TYPE}`
  const message = `The accept header must allow ${wanted}${isSubscription ? ', or subscribe over a WebSocket' : ''}`
  sendJson(response, { result: { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] }, type: JSON_TYPE, status: 406 })
}

interface JsonAnswer {
  readonly result: FormattedExecutionResult
  readonly type: MediaType
  readonly status: number
}

function sendJson(response: ServerResponse, { result, type, status }: JsonAnswer): void {
  const text = stringifyResult(result)
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}

/** Refuses a request before any work, as GraphQL answers. */
export function sendRefusal(response: ServerResponse, code: ErrorCode, message: string): void {
  const { status } = new TransientError(code, message)
  sendJson(response, { result: { errors: [{ message, extensions: { code } }] }, type: JSON_TYPE, status })
}
