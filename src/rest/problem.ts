import { randomUUID } from 'node:crypto'
import type { Context, Hono } from 'hono'
import { PROBLEM_MEDIA_TYPE, toProblem } from '../contract/problem.js'
import { isTransientError, TransientError } from '../core/errors.js'
import { stringifyJson } from '../core/json.js'
import type { RestEnv, RestLogger } from './context.js'

const RETRY_AFTER_SECONDS = '1'
const METHOD_NOT_ALLOWED = 405
const PRECONDITION_FAILED = 412

interface ProblemAnswer {
  /** Where it differs from the table's: 405, or 412 under If-Match. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** An error as RFC 9457 problem details. */
export function answerProblem(error: TransientError, { status = error.status, headers = {} }: ProblemAnswer = {}): Response {
  const retry: Record<string, string> = [429, 503].includes(status) ? { 'retry-after': RETRY_AFTER_SECONDS } : {}
  return new Response(stringifyJson(toProblem(error, status)), {
    status,
    headers: { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store', ...retry, ...headers },
  })
}

/** What was thrown, fit for a client: anything unforeseen is logged under an id and shows nothing of itself. */
export function toClientError(error: unknown, logger: RestLogger): TransientError {
  if (isTransientError(error)) return error
  const id = randomUUID()
  logger.error({ err: error, errorId: id }, 'a REST request failed')
  return new TransientError('INTERNAL', `something went wrong on the server; see ${id} in its log`, { details: { id } })
}

function isConditional(context: Context): boolean {
  return context.req.header('if-match') !== undefined || context.req.header('if-none-match') !== undefined
}

interface FailedRequest {
  readonly thrown: unknown
  readonly env: RestEnv['Bindings']
  readonly logger: RestLogger
}

/** The same for a request, which may have been cut off: then nobody reads the response, and nothing of ours went wrong. */
export function errorOfRequest({ thrown, env, logger }: FailedRequest): TransientError {
  const isCutOff = env.incoming?.errored || env.outgoing?.destroyed
  return isCutOff ? new TransientError('BAD_REQUEST', 'the request was cut off') : toClientError(thrown, logger)
}

/** Turns whatever a route throws into a problem. */
export function createErrorHandler(logger: RestLogger): (error: unknown, context: Context<RestEnv>) => Response {
  return (thrown, context) => {
    const error = errorOfRequest({ thrown, env: context.env, logger })
    const isPrecondition = error.code === 'CONFLICT' && isConditional(context)
    return answerProblem(error, isPrecondition ? { status: PRECONDITION_FAILED } : {})
  }
}

/** Other methods of a known path get 405 with `Allow`. Call it after the path's own routes. */
export function refuseOtherMethods(app: Hono<RestEnv>, path: string, methods: readonly string[]): void {
  const allow = methods.includes('GET') ? [...methods, 'HEAD'].join(', ') : methods.join(', ')
  app.all(path, (context) => {
    const error = new TransientError('BAD_REQUEST', `${context.req.method} is not allowed on ${context.req.path}; ${allow} is`, {
      details: { allow },
    })
    return answerProblem(error, { status: METHOD_NOT_ALLOWED, headers: { allow } })
  })
}

/** The response where there is no such path. */
export function answerUnknownPath(context: Context): Response {
  return answerProblem(new TransientError('NOT_FOUND', `${context.req.path.slice(0, 200)} is not a path of this API`))
}
