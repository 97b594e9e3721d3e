import { fromProblem } from '../contract/problem.js'
import { type ChangeBody, WATCH_EVENT_KINDS, watchEventBody } from '../contract/variables.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonValue, parseJson } from '../core/json.js'
import type { ChangeOperation, VariableType } from '../core/status.js'
import { type ExecutionFieldsFragment, WatchExecutionDocument } from './generated/graphql.js'
import { subscribe } from './graphql.js'
import { type Http, isMediaType, readText, responseError } from './http.js'
import { resuming } from './resume.js'
import { readEvents, type ServerSentEvent } from './sse.js'

/** The server bookmarks every 5 s: three missed in a row, and the connection is dead. */
const VARIABLES_IDLE_MS = 16_000
/** Subscriptions over GraphQL have only the transport's pings, every 12 s. */
const EXECUTION_IDLE_MS = 40_000

export interface WatchControls {
  readonly signal?: AbortSignal | undefined
  /** Called with every lost connection, and how long until the next. */
  readonly onDisconnect?: ((reason: unknown, delayMs: number) => void) | undefined
}

/** Whose variables: an execution's, by its id, or global ones, by the name of their space. */
export type VariablesOf = ExecutionId | { readonly space: string }

export interface WatchOptions extends WatchControls {
  /** Without it: from now. 0: from the first revision. */
  readonly afterRevision?: number | undefined
  readonly names?: readonly string[] | undefined
  readonly types?: readonly VariableType[] | undefined
}

export interface WatchedChange {
  readonly name: string
  readonly operation: ChangeOperation
  readonly value: JsonValue
  readonly previousValue: JsonValue
  /** The values are encrypted: here stands their mask. */
  readonly isSensitive: boolean
  readonly type: VariableType
  readonly sourceStep: string | null
  readonly actor: string
  readonly changedAt: string
}

/** One message: `subscribed` once, `changed` with all changes of one revision, or a `bookmark` while idle. */
export interface WatchMessage {
  readonly kind: (typeof WATCH_EVENT_KINDS)[number]
  readonly revision: number
  readonly changes: readonly WatchedChange[]
}

function toChange(change: ChangeBody): WatchedChange {
  const { previous_value, source_step, changed_at, sensitive, ...same } = change
  const renamed = {
    previousValue: previous_value,
    isSensitive: sensitive === true,
    sourceStep: source_step,
    changedAt: changed_at,
  }
  return { ...same, ...renamed }
}

function toMessage({ event, data }: ServerSentEvent): WatchMessage | null {
  const kind = WATCH_EVENT_KINDS.find((known) => known === event)
  if (event === 'problem') throw fromProblem(parseJson(data), 200)
  if (kind === undefined) return null
  const body = watchEventBody.parse(parseJson(data))
  return { kind, revision: body.revision, changes: body.changes.map(toChange) }
}

/**
 * Every change of an execution's or a space's variables, in order, each revision exactly once: over as many connections as it takes,
 * each resuming at the last revision that was handed on.
 * @throws TransientError REVISION_GONE when the server no longer has what came after it
 */
export async function* watchVariables(
  http: Http,
  of: VariablesOf,
  options: WatchOptions,
): AsyncGenerator<WatchMessage, void, undefined> {
  let revision = options.afterRevision
  let isSubscribed = false

  async function* connect(signal: AbortSignal, onAlive: () => void): AsyncGenerator<WatchMessage, boolean> {
    const query = new URLSearchParams()
    if (revision !== undefined) query.set('after_revision', String(revision))
    if (options.names !== undefined) query.set('names', options.names.join())
    if (options.types !== undefined) query.set('types', options.types.join())
    const owner = typeof of === 'string' ? `vars/${of}` : `globals/${encodeURIComponent(of.space)}`
    const path = `/api/${owner}/events?${query.toString()}`
    const stream = await http.open({ method: 'GET', path, headers: { accept: 'text/event-stream' }, signal })
    if (!isMediaType(stream, 'text/event-stream')) throw responseError({ ...stream, text: await readText(stream.pieces) })
    for await (const event of readEvents(stream.pieces, onAlive)) {
      const message = toMessage(event)
      if (message !== null) yield message
    }
    return false
  }

  for await (const message of resuming({ url: http.url, connect, idleMs: VARIABLES_IDLE_MS, ...options })) {
    const isRepeated =
      message.kind === 'subscribed' ? isSubscribed : message.kind === 'changed' && message.revision <= (revision ?? -1)
    if (isRepeated) continue
    isSubscribed = true
    revision = Math.max(revision ?? 0, message.revision)
    yield message
  }
}

/** The current state first, then the newest after every event; ends when the execution has. */
export async function* watchExecution(
  http: Http,
  id: ExecutionId,
  controls: WatchControls = {},
): AsyncGenerator<ExecutionFieldsFragment, void, undefined> {
  const operation = { document: WatchExecutionDocument, variables: { id } }
  const connect = (signal: AbortSignal, onAlive: () => void) => subscribe(http, operation, { signal, onAlive })
  for await (const { executionChanged } of resuming({ url: http.url, connect, idleMs: EXECUTION_IDLE_MS, ...controls })) {
    yield executionChanged
    if (['COMPLETED', 'FAILED', 'CANCELLED'].includes(executionChanged.status)) return
  }
}
