import type { ChangeRecord } from '../../commit/record.js'
import { checkCounter } from '../../commit/record.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import { checkListed } from '../../core/filter.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, stringifyJson } from '../../core/json.js'
import type { SharedCalls } from '../../core/shared-calls.js'
import { parseStreamId } from '../../core/space.js'
import { isStorableText } from '../../core/text.js'
import { createWakeUp } from '../../core/wake-up.js'
import type { Sql } from '../../db/database.js'
import type { ExecutionFeed } from '../../executions/feed.js'
import type { PollRequest, WatchEvent, WatchRequest } from '../requests.js'
import { checkKept, checkNotSetBack, findPosition, type Pulled, type PullRequest, pullChanges } from './watch-store.js'

/** Five seconds are promised; the rest is for the way. */
const BOOKMARK_MS = 4_000
/** How long until a database that did not answer is asked again. */
const RETRY_MS = 500
/** Names that one watch may list. */
const MAX_NAMES = 1_000

export interface WatchDependencies {
  readonly sql: Sql
  /** Watchers at the same position with the same filter share their reads, through whichever API. */
  readonly share: SharedCalls
  readonly feed: ExecutionFeed
}

/**
 * The six guarantees of docs/watch.md: ordered, unique, reliable, atomic, resumable, bookmarkable. Changes are
 * pulled from the change log by revision, as fast as the reader takes them; hints only wake.
 * @throws TransientError VALIDATION, and REVISION_GONE also later, when a slow reader falls behind what is kept, or the database is set back
 */
export async function* watchVariables(
  deps: WatchDependencies,
  request: WatchRequest,
): AsyncGenerator<WatchEvent, void, undefined> {
  const { signal } = request
  const executionId = parseStreamId(request.executionId)
  const filter = filterOf(executionId, request)
  const given = request.afterRevision ?? null
  if (given !== null) checkCounter(given, 'afterRevision')
  if (signal.aborted) return
  const wakeUp = createWakeUp()
  const stop = deps.feed.listen(executionId, wakeUp.set)
  try {
    const start = await findPosition(deps.sql, executionId)
    let cursor = given ?? start.revision
    checkKept(cursor, start.oldestRevision)
    let isReached = cursor <= start.revision
    let sentAt = performance.now()
    yield { kind: 'subscribed', executionId, revision: cursor, changes: [] }
    while (!signal.aborted) {
      wakeUp.clear()
      const pulled = await pullPatiently(deps, { ...filter, after: cursor })
      const { sets, upTo } = pulled ?? { sets: [], upTo: null }
      for (const { revision, changes } of sets) {
        if (signal.aborted) return
        sentAt = performance.now()
        yield { kind: 'changed', executionId, revision, changes }
      }
      const standsAt = pulled?.revision ?? null
      // A pull that others began may be from before: it is looked at once more.
      if (isReached && standsAt !== null && standsAt < cursor) await checkNotSetBack(deps.sql, executionId, cursor)
      if (upTo !== null) isReached = true
      cursor = upTo ?? cursor
      if (performance.now() - sentAt >= BOOKMARK_MS) {
        sentAt = performance.now()
        yield { kind: 'bookmark', executionId, revision: cursor, changes: [] }
      }
      if (upTo === null) {
        const untilBookmark = Math.max(BOOKMARK_MS - (performance.now() - sentAt), 0) + 1
        await wakeUp.wait(signal, pulled === null ? Math.min(RETRY_MS, untilBookmark) : untilBookmark)
      }
    }
  } finally {
    stop()
  }
}

/** The next changes; null while the database does not answer, which costs a watcher time and nothing else. */
async function pullPatiently(deps: WatchDependencies, request: PullRequest): Promise<Pulled | null> {
  try {
    return await pullTogether(deps, request)
  } catch (error) {
    if (isTransientError(error) && error.code === 'OVERLOADED') return null
    throw error
  }
}

function pullTogether({ sql, share }: WatchDependencies, request: PullRequest): Promise<Pulled> {
  return share(stringifyJson({ ...request } as JsonObject), () => pullChanges(sql, request))
}

/** One turn of a watch: the next changes as soon as there are any, or none once the wait is over. */
export async function pollVariables(
  deps: WatchDependencies,
  request: PollRequest,
): Promise<{ revision: number; changes: readonly ChangeRecord[] }> {
  const { signal, waitMs } = request
  const executionId = parseStreamId(request.executionId)
  const filter = filterOf(executionId, request)
  let cursor = checkCounter(request.afterRevision, 'afterRevision')
  const endsAt = performance.now() + waitMs
  const wakeUp = createWakeUp()
  const stop = deps.feed.listen(executionId, wakeUp.set)
  try {
    for (;;) {
      wakeUp.clear()
      const { changes, upTo } = await pullTogether(deps, { ...filter, after: cursor })
      cursor = upTo ?? cursor
      const leftMs = endsAt - performance.now()
      if (changes.length > 0 || signal.aborted) return { revision: cursor, changes }
      if (upTo !== null) continue
      if (leftMs <= 0) return { revision: cursor, changes: [] }
      await wakeUp.wait(signal, leftMs)
    }
  } finally {
    stop()
  }
}

function filterOf(executionId: ExecutionId, { names, types }: Pick<WatchRequest, 'names' | 'types'>): Omit<PullRequest, 'after'> {
  checkListed(names, 'names', MAX_NAMES)
  checkListed(types, 'types')
  if (names && !names.every(isStorableText)) {
    throw new TransientError('VALIDATION', 'names: contains a text that is not a variable name', { details: { field: 'names' } })
  }
  return { executionId, names: names ?? null, types: types ?? null }
}
