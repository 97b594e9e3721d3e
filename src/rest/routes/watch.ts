import type { Context, Hono } from 'hono'
import type { ChangeRecord } from '../../commit/record.js'
import type { PolledChangesResponse } from '../../contract/variables.js'
import { eventStream } from '../../core/event-stream.js'
import { type JsonObject, stringifyJson } from '../../core/json.js'
import { linkSignals } from '../../core/linked-signal.js'
import type { VariableType } from '../../core/status.js'
import { changeBody } from '../../variables/change-body.js'
import type { VariableStream } from '../../variables/stream.js'
import type { MessageStream } from '../../variables/watch/watch-group.js'
import { createWatchGroups } from '../../variables/watch/watch-groups.js'
import { type RestEnv, type RestLogger, textResponse } from '../context.js'
import { type EventMessage, eventMessages } from '../event-messages.js'
import { toClientError } from '../problem.js'
import { commaList, variableType, waitSeconds, wholeNumber } from '../query.js'
import { identity, type OfStream, STREAM_PATHS, streamIn } from '../stream.js'

const EVENTS_PATHS = STREAM_PATHS.map((path) => `${path}/events`)

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

/** A request that is gone before its stream began has nobody who closes it. */
function closeWith(signal: AbortSignal, messages: MessageStream<EventMessage>): void {
  if (signal.aborted) messages.close()
  else signal.addEventListener('abort', () => messages.close(), { once: true })
}

/** GET /api/vars/{execution_id}/events, and of a space; before the routes of a single variable, whose name would else be `events`. */
export function addEventsRoute(app: Hono<RestEnv>, logger: RestLogger): void {
  const groups = createWatchGroups<EventMessage>()
  const clientError = (error: unknown) => toClientError(error, logger)

  app.on('GET', EVENTS_PATHS, async (context, next) => {
    if (asksForVariable(context)) return next()
    const stream = streamIn(context)
    const resumed = wholeNumber(context.req.header('last-event-id'), 'Last-Event-ID')
    const afterRevision = resumed ?? wholeNumber(context.req.query('after_revision'), 'after_revision')
    const filters = filtersOf(context)
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    if (context.req.method === 'HEAD') return new Response(null, { headers })
    const { id: viewer } = context.var.session
    const watchFrom = (after: number | undefined) =>
      eventMessages({
        open: (signal) => stream.watch({ afterRevision: after, ...filters, signal }),
        toClientError: clientError,
      })
    const key = stringifyJson([viewer, stream.title, filters.names ?? null, filters.types ?? null])
    const messages = groups.watch({ key, own: watchFrom(afterRevision), open: async (after) => watchFrom(after) })
    closeWith(context.req.raw.signal, messages)
    const first = await messages.next()
    if (first === null) return new Response(null, { headers })
    if (first.error !== null) {
      messages.close()
      throw first.error
    }
    const cut = () => void context.env.outgoing.destroy()
    return new Response(eventStream({ first, events: messages, cut }), { headers })
  })
}

/** GET /api/vars/{execution_id}?after_revision=N&wait=30, and of a space; `closing` ends every wait, with what there is. */
export function createPoll(closing?: AbortSignal): (context: Context<RestEnv>) => Promise<Response> {
  /** Those who were given the same changes get the same text. */
  const texts = new WeakMap<readonly ChangeRecord[], string>()
  return async (context) => {
    const stream = streamIn(context)
    const afterRevision = wholeNumber(context.req.query('after_revision'), 'after_revision') ?? 0
    const waitMs = waitSeconds(context.req.query('wait')) * 1000
    const filters = filtersOf(context)
    const { signal, abort } = linkSignals([context.req.raw.signal, closing])
    const request = { afterRevision, ...filters, waitMs, signal }
    // What still listens to the signal is done with, too.
    const { revision, changes } = await stream.poll(request).finally(() => abort())
    const text = texts.get(changes) ?? polledText(stream, { revision, changes })
    if (changes.length > 0) texts.set(changes, text)
    return textResponse(text, { headers: { revision: String(revision) } })
  }
}

interface Polled {
  readonly revision: number
  readonly changes: readonly ChangeRecord[]
}

function polledText(stream: VariableStream, { revision, changes }: Polled): string {
  const body: OfStream<PolledChangesResponse> = {
    ...identity(stream),
    revision,
    changes: changes.map((change) => ({ ...changeBody(change), revision: change.revision })),
  }
  return stringifyJson(body as JsonObject)
}
