import type { ChangeSetRecord } from '../commit/record.js'
import { isTransientError } from '../core/errors.js'
import type { Sql } from '../db/database.js'
import { type Pulled, type PullRequest, pullChanges } from '../variables/watch/watch-store.js'
import { type Batch, type EventItem, nextBatch } from './batch.js'
import { openEdge } from './condition.js'
import { findPlaybookOf, readEvents } from './delivery-store.js'
import { eventsFor, isWanted, type Notify } from './match.js'
import type { Claim, WebhookRecord } from './record.js'

/** One more than a request takes, so that the next one is known to be there. */
const EVENTS = 501
/** Pages of the change log in which nothing for the hook is found, until others have their turn. */
const MAX_PAGES = 50

export interface Reading {
  readonly hook: WebhookRecord
  readonly claim: Claim
  readonly notifyOf: (sql: Sql, path: string | null, version: number | null) => Promise<Notify>
}

/** The next request of a claim, read from the change log as a watch would; null when the execution is gone. */
export async function readBatch(sql: Sql, { hook, claim, notifyOf }: Reading): Promise<(Batch & { path: string | null }) | null> {
  const { executionId, from, target } = claim
  const execution = await findPlaybookOf(sql, executionId)
  if (execution === null) return null
  const { path, version } = execution
  const wanted = eventsFor(hook, path, await notifyOf(sql, path, version)) ?? new Set<string>()
  const names = [...wanted].filter((name) => name !== 'variables')
  const events: EventItem[] = names.length === 0 ? [] : await readEvents(sql, claim, { names, limit: EVENTS })
  if (!wanted.has('variables')) return { ...nextBatch(claim, { sets: [], events, upTo: target.revision }), path }
  // What HISTORY_LIMIT no longer keeps cannot be sent: the first revision of the body says so.
  let upTo = Math.max(from.revision, execution.oldestRevision)
  const edge = hook.when === null ? null : await openEdge(sql, { when: hook.when, executionId, revision: upTo })
  const filter = edge === null ? hook : { names: together(hook.names, edge.names), types: null }
  const sets: ChangeSetRecord[] = []
  for (let page = 1; ; page += 1) {
    const pulled = await pullKept(sql, { executionId, after: upTo, ...filter })
    for (const { revision, changes } of pulled.sets) {
      if (revision > target.revision) break
      const kept = edge === null || edge.rises(changes) ? changes.filter((change) => isWanted(hook, change)) : []
      if (kept.length > 0) sets.push({ revision, changes: kept })
    }
    upTo = pulled.upTo ?? target.revision
    const batch = nextBatch(claim, { sets, events, upTo: Math.min(upTo, target.revision) })
    const isFull = batch.content !== null && batch.to.revision < upTo
    if (isFull || upTo >= target.revision || page >= MAX_PAGES) return { ...batch, path }
  }
}

/** Names of which either has need; null: all. */
function together(left: readonly string[] | null, right: readonly string[] | null): readonly string[] | null {
  return left === null || right === null ? null : [...left, ...right]
}

/** From the oldest revision that is kept, where retention was faster. */
async function pullKept(sql: Sql, { executionId, after, names, types }: PullRequest): Promise<Pulled> {
  try {
    return await pullChanges(sql, { executionId, after, names, types })
  } catch (error) {
    if (!isTransientError(error) || error.code !== 'REVISION_GONE') throw error
    return pullChanges(sql, { executionId, after: Number(error.details['oldestRevision']), names, types })
  }
}
