import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, stringifyJson } from '../core/json.js'
import type { SharedCalls } from '../core/shared-calls.js'
import { isSpaceId } from '../core/space.js'
import { isFinished } from '../core/status.js'
import { createWakeUp } from '../core/wake-up.js'
import type { Database } from '../db/database.js'
import type { ExecutionFeed } from './feed.js'
import { checkExecutionFilter, type ExecutionFilter } from './filter.js'
import { readExecutionsAfter, readMatching, type VariableFilterSql } from './page-store.js'
import type { ExecutionRecord } from './record.js'
import { findExecution } from './store.js'

interface WatchParts {
  readonly db: Database
  readonly feed: ExecutionFeed
  /** Who is woken for the same reads it together. */
  readonly share: SharedCalls
  readonly signal: AbortSignal
}

interface WatchAllParts extends WatchParts {
  readonly filter: ExecutionFilter | null
  readonly variableFilter: VariableFilterSql
}

const RETRY_MS = 1000
const BATCH = 250
/** Messages of one watch in a turn of the event loop. */
const TURN = 10
/** Executions whose last state sent is remembered, so that a late or repeated wake-up sends nothing twice. */
const MAX_REMEMBERED = 10_000

/** One execution's states: the current one, then the newest after every event, until it has ended. An unknown one is waited for. */
export async function* watchExecution(
  id: ExecutionId,
  { db, feed, share, signal }: WatchParts,
): AsyncGenerator<ExecutionRecord, void, undefined> {
  const wakeUp = createWakeUp()
  const stop = feed.listen(id, wakeUp.set)
  try {
    let seen = -1
    do {
      wakeUp.clear()
      const current = await patiently(() => share(id, () => findExecution(db, id)), signal)
      if (!current || current.eventSeq <= seen) continue
      seen = current.eventSeq
      yield current
      if (isFinished(current.status)) return
    } while (await wakeUp.wait(signal))
  } finally {
    stop()
  }
}

/** All matching executions' states: the current ones, newest last, then each that changes. */
export function watchExecutions(parts: WatchAllParts): AsyncGenerator<ExecutionRecord, void, undefined> {
  return watchAfter(parts, { isFoundToo: true, begin: (isNews) => readAll(parts, isNews) })
}

/** Those that change from now on. null comes first, and says that from there on nothing is missed. */
export function watchFromNow(parts: WatchAllParts): AsyncGenerator<ExecutionRecord | null, void, undefined> {
  const { feed, signal } = parts
  const looked = async function* (): AsyncGenerator<null, void, undefined> {
    await patiently(() => feed.look(signal), signal)
    yield null
  }
  return watchAfter(parts, { isFoundToo: false, begin: looked })
}

type IsNews = (execution: ExecutionRecord) => boolean

interface Beginning<First> {
  /** Whether what looking finds counts from the start; else only after the first item: it may have changed before anybody watched. */
  readonly isFoundToo: boolean
  readonly begin: (isNews: IsNews) => AsyncIterable<First>
}

/** What `begin` gives, then each that changes; nothing is missed in between. */
async function* watchAfter<First>(
  parts: WatchAllParts,
  { isFoundToo, begin }: Beginning<First>,
): AsyncGenerator<ExecutionRecord | First, void, undefined> {
  const { db, feed, share, signal, filter, variableFilter } = parts
  checkExecutionFilter(filter)
  const wakeUp = createWakeUp()
  let changed = new Set<ExecutionId>()
  let isFound = isFoundToo
  const stop = feed.listen('*', (id, isHinted) => {
    if (isSpaceId(id) || (!isFound && !isHinted)) return
    changed.add(id)
    wakeUp.set()
  })
  const isNews = createNewsFilter()
  try {
    for await (const first of begin(isNews)) {
      isFound = true
      yield first
    }
    while (await wakeUp.wait(signal)) {
      wakeUp.clear()
      const ids = [...changed]
      changed = new Set()
      for (let at = 0; at < ids.length; at += BATCH) {
        const batch = ids.slice(at, at + BATCH)
        const read = (all?: AbortSignal) => readMatching(db.reading(all), { filter, variableFilter, ids: batch })
        const found = await patiently(() => share(keyOf({ filter, ids: batch }), read, signal), signal)
        yield* inTurns((found ?? []).filter(isNews))
      }
    }
  } finally {
    stop()
  }
}

type Slice = Awaited<ReturnType<typeof readExecutionsAfter>>

async function* readAll(
  { db, share, signal, filter, variableFilter }: WatchAllParts,
  isNews: IsNews,
): AsyncGenerator<ExecutionRecord, void, undefined> {
  let after: Slice['next'] = null
  do {
    const position: Slice['next'] = after
    const read = (all?: AbortSignal) =>
      readExecutionsAfter(db.reading(all), { filter, variableFilter, after: position, limit: BATCH })
    const slice: Slice = await share(keyOf({ filter, after: position }), read, signal)
    yield* inTurns(slice.executions.filter(isNews))
    after = slice.next
  } while (after !== null && !signal.aborted)
}

/** Whoever sends many takes a turn like everybody else: others are answered in between. */
async function* inTurns(executions: readonly ExecutionRecord[]): AsyncGenerator<ExecutionRecord, void, undefined> {
  for (const [index, execution] of executions.entries()) {
    if (index > 0 && index % TURN === 0) await nextTurn()
    yield execution
  }
}

/** What a read asks for, as text. */
function keyOf({ filter, ...position }: { readonly filter: ExecutionFilter | null; readonly [key: string]: unknown }): string {
  const times = {
    startedAfter: filter?.startedAfter?.toISOString() ?? null,
    startedBefore: filter?.startedBefore?.toISOString() ?? null,
    finishedAfter: filter?.finishedAfter?.toISOString() ?? null,
    finishedBefore: filter?.finishedBefore?.toISOString() ?? null,
  }
  return stringifyJson({ ...position, filter: filter && { ...filter, ...times } } as JsonObject)
}

/** Says of each state whether it is newer than what was last sent of that execution. */
function createNewsFilter(): IsNews {
  const sent = new LRUCache<ExecutionId, number>({ max: MAX_REMEMBERED })
  return ({ id, eventSeq }) => {
    const last = sent.get(id)
    if (last !== undefined && last >= eventSeq) return false
    sent.set(id, eventSeq)
    return true
  }
}

/** Reads, and waits while the database does not answer; undefined when aborted. */
async function patiently<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await read()
    } catch (error) {
      if (!isTransientError(error) || error.code !== 'OVERLOADED') throw error
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  return undefined
}
