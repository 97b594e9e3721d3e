import type { ChangeSetRecord } from '../commit/record.js'
import { isTransientError } from '../core/errors.js'
import type { Sql } from '../db/database.js'
import { pullChanges } from '../variables/watch/watch-store.js'
import { type Batch, type EventItem, nextBatch } from './batch.js'
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
  readonly notifyOf: (path: string | null, version: number | null) => Promise<Notify>
}

/** The next request of a claim, read from the change log as a watch would; null when the execution is gone. */
export async function readBatch(sql: Sql, { hook, claim, notifyOf }: Reading): Promise<(Batch & { path: string | null }) | null> {
  const { executionId, from, target } = claim
  const execution = await findPlaybookOf(sql, executionId)
  if (execution === null) return null
  const { path, version } = execution
  const wanted = eventsFor(hook, path, await notifyOf(path, version)) ?? new Set<string>()
  const names = [...wanted].filter((name) => name !== 'variables')
  const events: EventItem[] = names.length === 0 ? [] : await readEvents(sql, claim, { names, limit: EVENTS })
  if (!wanted.has('variables')) return { ...nextBatch(claim, { sets: [], events, upTo: target.revision }), path }
  const sets: ChangeSetRecord[] = []
  // What HISTORY_LIMIT no longer keeps cannot be sent: the first revision of the body says so.
  let upTo = Math.max(from.revision, execution.oldestRevision)
  for (let page = 1; ; page += 1) {
    const pulled = await pullKept(sql, hook, { executionId, after: upTo })
    for (const { revision, changes } of pulled.sets) {
      const kept = revision > target.revision ? [] : changes.filter((change) => isWanted(hook, change))
      if (kept.length > 0) sets.push({ revision, changes: kept })
    }
    upTo = pulled.upTo ?? target.revision
    const batch = nextBatch(claim, { sets, events, upTo: Math.min(upTo, target.revision) })
    const isFull = batch.content !== null && batch.to.revision < upTo
    if (isFull || upTo >= target.revision || page >= MAX_PAGES) return { ...batch, path }
  }
}

/** From the oldest revision that is kept, where retention was faster. */
async function pullKept(sql: Sql, { names, types }: WebhookRecord, place: { executionId: string; after: number }) {
  try {
    return await pullChanges(sql, { ...place, names, types })
  } catch (error) {
    if (!isTransientError(error) || error.code !== 'REVISION_GONE') throw error
    return pullChanges(sql, { ...place, after: Number(error.details['oldestRevision']), names, types })
  }
}
