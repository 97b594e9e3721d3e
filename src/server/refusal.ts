import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { PROBLEM_MEDIA_TYPE, toProblem } from '../contract/problem.js'
import { isTransientError, TransientError } from '../core/errors.js'
import { stringifyJson } from '../core/json.js'
import { sendRefusal } from '../graphql/transport/http.js'
import { isPageWanted, sendRefusalPage } from './pages.js'

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

/** What a client may see of an error: of an unforeseen one only an id that the log has. */
export function knownError(error: unknown, logger: Logger): TransientError {
  if (isTransientError(error)) return error
  const id = randomUUID()
  logger.error({ err: error, errorId: id }, 'a request failed')
  return new TransientError('INTERNAL', `Something went wrong on the server; its log has it under ${id}`, { details: { id } })
}

/** Refuses before any work, in the words of the door that was asked. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: TransientError): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (error.code === 'UNAUTHENTICATED') response.setHeader('www-authenticate', 'Bearer')
  if (error.code === 'OVERLOADED' || error.code === 'RATE_LIMITED') {
    response.setHeader('retry-after', String(error.details['retryAfter'] ?? 1))
  }
  if (!request.complete) response.setHeader('connection', 'close')
  request.resume()
  const path = pathOf(request)
  // Who is unknown learns nothing of GraphiQL, not even that there is a page.
  const isHidden = path === '/graphql' && error.code === 'UNAUTHENTICATED'
  if (!isHidden && isPageWanted(request, path)) return sendRefusalPage(response, error)
  if (path === '/graphql') return sendRefusal(response, error.code, error.message)
  response.writeHead(error.status, { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store' })
  response.end(stringifyJson(toProblem(error, error.status)))
}
