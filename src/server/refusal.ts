import type { Context } from 'hono'
import type { TransientError } from '../core/errors.js'
import { ClientError } from '../graphql/errors.js'
import { jsonResponse } from '../graphql/response.js'
import type { RestLogger } from '../rest/context.js'
import { answerProblem, errorOfRequest } from '../rest/problem.js'
import { isPageWanted, refusalPage } from './pages.js'

/** Refuses before any work, in the format of the API that was called. */
export async function refuse(context: Context, thrown: unknown, logger: RestLogger): Promise<Response> {
  const error = errorOfRequest({ thrown, env: context.env, logger })
  const { path } = context.req
  const isGraphQL = path === '/graphql' || path === '/graphql/stream'
  const response = isPageWanted(context)
    ? await refusalPage(context, error)
    : isGraphQL
      ? jsonResponse({ errors: [asGraphQL(error)] })
      : answerProblem(error)
  if (error.code === 'UNAUTHENTICATED') response.headers.set('www-authenticate', 'Bearer')
  if (error.code === 'OVERLOADED' || error.code === 'RATE_LIMITED') {
    response.headers.set('retry-after', String(error.details['retryAfter'] ?? 1))
  }
  return response
}

function asGraphQL({ message, code, status, details }: TransientError): ClientError {
  return new ClientError(message, { refused: 'request', status, extensions: { code, ...details } })
}
