import type { Context, Hono } from 'hono'
import type { PolledChangesResponse } from '../../contract/variables.js'
import { type JsonObject, LosslessNumber } from '../../core/json.js'
import type { VariableType } from '../../core/status.js'
import { changeBody } from '../bodies.js'
import { answerJson, type RestEnv, type RestLogger, servicesOf } from '../context.js'
import { eventStream } from '../events.js'
import { toClientError } from '../problem.js'
import { commaList, variableType, wholeNumber } from '../query.js'
import { executionIdOf } from './vars.js'

const EVENTS_PATH = '/api/vars/:execution_id/events'
const MAX_WAIT_SECONDS = 60

interface Filters {
  readonly names: string[] | undefined
  readonly types: VariableType[] | undefined
}

function filtersOf(context: Context): Filters {
  return {
    names: commaList(context.req.query('names')),
    types: commaList(context.req.query('types'))?.map((type) => variableType(type, 'types')),
  }
}

/**
 * `events` is also a possible name of a variable. Whoever asks for JSON and not for an event stream reads the variable;
 * everyone else, `curl -N` included, gets the stream.
 */
function asksForVariable(context: Context): boolean {
  const accept = (context.req.header('accept') ?? '').toLowerCase()
  return accept.includes('application/json') && !accept.includes('text/event-stream')
}

/** A signal that ends with the request, or when the answer is done with. */
function requestAbort(context: Context): AbortController {
  const abort = new AbortController()
  const { signal } = context.req.raw
  if (signal.aborted) abort.abort()
  else signal.addEventListener('abort', () => abort.abort(), { once: true, signal: abort.signal })
  return abort
}

/** GET /api/vars/{execution_id}/events; before the routes of a single variable, whose name would else be `events`. */
export function addEventsRoute(app: Hono<RestEnv>, logger: RestLogger): void {
  app.get(EVENTS_PATH, async (context, next) => {
    if (asksForVariable(context)) return next()
    const executionId = executionIdOf(context)
    const resumed = wholeNumber(context.req.header('last-event-id'), 'Last-Event-ID')
    const afterRevision = resumed ?? wholeNumber(context.req.query('after_revision'), 'after_revision')
    const filters = filtersOf(context)
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    if (context.req.method === 'HEAD') return new Response(null, { headers })
    const abort = requestAbort(context)
    const events = servicesOf(context).variables.watch({ executionId, afterRevision, ...filters, signal: abort.signal })
    const first = await events.next()
    if (first.done) return new Response(null, { headers })
    const { outgoing } = context.env
    const cut = outgoing && (() => void outgoing.destroy())
    const stream = eventStream({ first: first.value, events, abort, cut, toClientError: (error) => toClientError(error, logger) })
    return new Response(stream, { headers })
  })
}

/** GET /api/vars/{execution_id}?after_revision=N&wait=30; `closing` ends every wait, with what there is. */
export function createPoll(closing?: AbortSignal): (context: Context<RestEnv>) => Promise<Response> {
  return async (context) => {
    const executionId = executionIdOf(context)
    const afterRevision = wholeNumber(context.req.query('after_revision'), 'after_revision') ?? 0
    const waitSeconds = wholeNumber(context.req.query('wait'), 'wait', MAX_WAIT_SECONDS) ?? 0
    const abort = requestAbort(context)
    const { revision, changes } = await servicesOf(context).variables.poll({
      executionId,
      afterRevision,
      ...filtersOf(context),
      waitMs: waitSeconds * 1000,
      signal: closing ? AbortSignal.any([abort.signal, closing]) : abort.signal,
    })
    abort.abort()
    const body: PolledChangesResponse = {
      execution_id: new LosslessNumber(executionId),
      revision,
      changes: changes.map((change) => ({ ...changeBody(change), revision: change.revision })),
    }
    return answerJson(body as JsonObject, { headers: { revision: String(revision) } })
  }
}
