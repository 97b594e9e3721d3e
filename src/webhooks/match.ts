import type { Draft } from '../commit/draft.js'
import type { Pointer } from '../commit/outbox.js'
import type { ChangeRecord } from '../commit/record.js'
import { isSpaceId } from '../core/space.js'
import type { WebhookFilter, WebhookRecord } from './record.js'

/** By the names of hooks what a playbook has them told of, beside their own filters. */
export type Notify = ReadonlyMap<string, readonly string[]>

export const NO_NOTIFY: Notify = new Map()

/** What a hook is told of about the executions of one playbook; null: nothing. */
export function eventsFor(hook: WebhookRecord, path: string | null, notify: Notify): ReadonlySet<string> | null {
  const isOwn = hook.pathPrefix === null || path?.startsWith(hook.pathPrefix) === true
  const events = new Set<string>([...(isOwn ? hook.events : []), ...(notify.get(hook.name) ?? [])])
  return events.size === 0 ? null : events
}

/** Whether a filter lets a change through; its condition is looked at when the change is sent. */
export function isWanted({ names, types, exceptActors }: WebhookFilter, { name, type, actor }: ChangeRecord): boolean {
  if (names !== null && !names.includes(name)) return false
  if (types !== null && !types.includes(type)) return false
  return !exceptActors.includes(actor)
}

/** Which hooks are told of what a draft changes. Pure. */
export function pointersFor(hooks: Iterable<WebhookRecord>, draft: Draft, notify: Notify): Pointer[] {
  const { execution, before, changes, events } = draft
  // Hooks are about executions.
  if (isSpaceId(execution.id)) return []
  const pointers: Pointer[] = []
  for (const hook of hooks) {
    const wanted = eventsFor(hook, execution.playbookPath, notify)
    if (wanted === null) continue
    const isRaised =
      (wanted.has('variables') && changes.some((change) => isWanted(hook, change))) || events.some(({ name }) => wanted.has(name))
    if (!isRaised) continue
    pointers.push({
      webhookId: hook.id,
      executionId: execution.id,
      before: { revision: before.revision, seq: before.eventSeq },
      after: { revision: execution.revision, seq: execution.eventSeq },
    })
  }
  return pointers
}
