import { randomBytes } from 'node:crypto'
import type { Page, PageRequest } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../core/ids.js'
import { stringifyJson } from '../core/json.js'
import type { Database } from '../db/database.js'
import { findPosition } from '../variables/watch/watch-store.js'
import { makeDue } from './delivery-store.js'
import { checkedInput, type WebhookInput } from './input.js'
import type { Answer, Poster } from './post.js'
import type { DeliveryRecord, WebhookRecord } from './record.js'
import type { WebhookRegistry } from './registry.js'
import type { WebhookSecrets } from './secrets.js'
import { newSecret, signedHeaders } from './signature.js'
import {
  countPending,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  lockWebhooks,
  type Pending,
  pageDeliveries,
  setBack,
  setState,
  updateWebhook,
} from './store.js'

const MAX_WEBHOOKS = 100

export interface CreatedWebhook {
  readonly webhook: WebhookRecord
  /** `whsec_...`; nobody can see it again. */
  readonly secret: string
}

export interface RedeliverRequest {
  readonly webhookId: string
  readonly executionId: ExecutionId
  readonly fromRevision: number
}

export interface DeliveriesRequest extends PageRequest {
  readonly failedOnly?: boolean | null | undefined
}

/** Webhooks on change: who is told of what, and how far each has got. */
export interface WebhooksService {
  /** @throws TransientError VALIDATION; CONFLICT when there is one of the name, or there are 100 */
  create(input: WebhookInput): Promise<CreatedWebhook>
  /** Replaces all of it but the secrets. @throws TransientError NOT_FOUND, VALIDATION, CONFLICT */
  update(id: string, input: WebhookInput): Promise<WebhookRecord>
  /** By name. */
  list(): Promise<WebhookRecord[]>
  /** The one of this name. */
  find(name: string): Promise<WebhookRecord | null>
  /** What happens meanwhile is kept. @throws TransientError NOT_FOUND; CONFLICT when it is disabled */
  pause(id: string): Promise<WebhookRecord>
  /** Also after it was disabled; what was given up is tried again. @throws TransientError NOT_FOUND */
  resume(id: string): Promise<WebhookRecord>
  /** The one that was deleted; null where there is none. */
  remove(id: string): Promise<WebhookRecord | null>
  /** A new secret; for a day requests are signed with the old one, too. @throws TransientError NOT_FOUND */
  rotateSecret(id: string): Promise<CreatedWebhook>
  /** Sends what happened from a revision on again. @throws TransientError NOT_FOUND, VALIDATION, REVISION_GONE */
  redeliver(request: RedeliverRequest): Promise<DeliveryRecord>
  /** The youngest execution first. */
  deliveries(id: string, request: DeliveriesRequest): Promise<Page<DeliveryRecord>>
  pending(id: string): Promise<Pending>
  /** Sends one event `webhook.test`, now, and whatever the state. @throws TransientError NOT_FOUND */
  test(id: string): Promise<Answer>
}

export interface WebhooksOptions {
  readonly db: Database
  readonly registry: WebhookRegistry
  readonly poster: Poster
  readonly secrets: WebhookSecrets
}

/** The service over the database. */
export function createWebhooksService({ db, registry, poster, secrets }: WebhooksOptions): WebhooksService {
  async function get(id: string): Promise<WebhookRecord> {
    const hook = await findWebhook(db, id)
    if (hook === null) throw new TransientError('NOT_FOUND', `there is no webhook ${JSON.stringify(id.slice(0, 60))}`)
    return hook
  }

  async function changed(id: string): Promise<WebhookRecord> {
    await registry.refresh()
    return get(id)
  }

  return {
    async create(given) {
      const input = checkedInput(given, poster)
      const id = `wh_${randomBytes(12).toString('base64url')}`
      const secret = newSecret()
      const webhook = await db.transaction(async (tx) => {
        await lockWebhooks(tx)
        const others = await listWebhooks(tx)
        checkName(input.name, others)
        if (others.length >= MAX_WEBHOOKS) {
          throw new TransientError(
            'CONFLICT',
            `there are ${MAX_WEBHOOKS} webhooks already: delete one, or let one receiver serve several`,
          )
        }
        return insertWebhook(tx, { id, ...input, ...secrets.stored(id, { current: secret, previous: null, until: null }) })
      })
      await registry.refreshEverywhere()
      return { webhook, secret }
    },

    async update(id, given) {
      const input = checkedInput(given, poster)
      await db.transaction(async (tx) => {
        await lockWebhooks(tx)
        const hooks = await listWebhooks(tx)
        if (!hooks.some((hook) => hook.id === id)) await get(id)
        checkName(
          input.name,
          hooks.filter((hook) => hook.id !== id),
        )
        await updateWebhook(tx, { id, ...input })
      })
      await registry.refreshEverywhere()
      return get(id)
    },

    list: () => listWebhooks(db),
    find: async (name) => (await listWebhooks(db)).find((hook) => hook.name === name) ?? null,

    async pause(id) {
      const { name } = await get(id)
      if (!(await setState(db, id, { state: 'paused', reason: null }))) {
        throw new TransientError('CONFLICT', `webhook "${name}" is disabled: nothing is sent to it; resume it, or delete it`)
      }
      return changed(id)
    },

    async resume(id) {
      await get(id)
      await setState(db, id, { state: 'active', reason: null })
      await makeDue(db, id)
      return changed(id)
    },

    async remove(id) {
      const hook = await findWebhook(db, id)
      if (hook === null || !(await db.transaction((tx) => deleteWebhook(tx, id)))) return null
      await registry.refresh()
      return hook
    },

    async rotateSecret(id) {
      await get(id)
      return { secret: await secrets.rotate(id), webhook: await get(id) }
    },

    async redeliver({ webhookId, executionId, fromRevision }) {
      await get(webhookId)
      const id = parseExecutionId(executionId)
      const { revision, oldestRevision } = await findPosition(db, id)
      if (fromRevision > revision && fromRevision > 0) {
        const message = `fromRevision: execution ${id} is at revision ${revision}: there is no ${fromRevision} yet`
        throw new TransientError('VALIDATION', message, { details: { field: 'fromRevision' } })
      }
      if (fromRevision > 0 && fromRevision <= oldestRevision) {
        const message = `fromRevision: changes up to revision ${oldestRevision} are no longer kept; begin from ${oldestRevision + 1}`
        throw new TransientError('REVISION_GONE', message, { details: { oldestRevision } })
      }
      const delivery = await setBack(db, { webhookId, executionId: id, fromRevision })
      if (delivery === null) throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
      await registry.refresh()
      return delivery
    },

    deliveries: (id, { failedOnly, signal, ...page }) =>
      pageDeliveries(db.reading(signal), { ...page, webhookId: id, failedOnly: failedOnly === true }),
    pending: (id) => countPending(db, id),

    async test(id) {
      const { name, url } = await get(id)
      const event = { name: 'webhook.test', revision: 0, step: null, data: null }
      const content = {
        webhook: name,
        execution_id: null,
        path: null,
        from_revision: 0,
        to_revision: 0,
        changes: [],
        events: [event],
      }
      const body = stringifyJson(content)
      const message = { id: `msg_test_${randomBytes(12).toString('base64url')}`, timestamp: Math.floor(Date.now() / 1000), body }
      const headers = signedHeaders(message, await secrets.live(id))
      return poster.post({ url, headers, body, signal: new AbortController().signal })
    },
  }
}

function checkName(name: string, others: readonly WebhookRecord[]): void {
  if (!others.some((hook) => hook.name === name)) return
  throw new TransientError('CONFLICT', `there is a webhook "${name}" already: choose another name`, { details: { name } })
}
