import type { IncomingMessage, ServerResponse } from 'node:http'

const METHODS = 'GET, POST, DELETE'
const HEADERS = 'authorization, content-type, accept, x-api-key, if-match, if-none-match, idempotency-key, last-event-id'
const EXPOSED = 'etag, revision, location, retry-after'
const MAX_AGE_SECONDS = '600'

/**
 * Lets pages of the listed origins read answers; without a list no page of another origin can. No cookie is a
 * credential here, so none is asked for. Answers whether the request was a preflight, and is done with.
 */
export function answerCors(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = request.headers
  if (origin === undefined || !origins.includes(origin)) return false
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('vary', 'origin')
  response.setHeader('access-control-expose-headers', EXPOSED)
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false
  response.writeHead(204, {
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': HEADERS,
    'access-control-max-age': MAX_AGE_SECONDS,
  })
  response.end()
  return true
}
