import { randomBytes } from 'node:crypto'
import type { CatalogService } from '../../catalog/service.js'
import { createBatcher } from '../../core/batcher.js'
import { TransientError } from '../../core/errors.js'
import type { Database } from '../../db/database.js'
import type { WebhookSecrets } from '../secrets.js'
import { checkedTrigger } from './input.js'
import type { TriggerDelivery, TriggerInput, TriggerRecord } from './record.js'
import { countTriggers, deleteTrigger, findTrigger, insertTrigger, lastDeliveries, listTriggers, updateTrigger } from './store.js'

const MAX_TRIGGERS = 1000
const SECRET_BYTES = 32

export interface SetTrigger {
  readonly trigger: TriggerRecord
  /** Nobody can see it again; empty where the trigger keeps the one that it has. */
  readonly secret: string
}

/** Inbound webhooks: requests to /hooks/{name} that start executions. */
export interface TriggersService {
  /** Makes one, or replaces the one of that name, which keeps its secret unless another is given. @throws TransientError VALIDATION; NOT_FOUND for a playbook that is not there; CONFLICT when there are 1,000 */
  set(input: TriggerInput): Promise<SetTrigger>
  /** A new secret; for a day the old one holds, too. @throws TransientError NOT_FOUND */
  rotateSecret(name: string): Promise<SetTrigger>
  /** The one that was deleted; null where there is none. */
  remove(name: string): Promise<TriggerRecord | null>
  /** By name. */
  list(): Promise<TriggerRecord[]>
  /** The last hundred requests of one, newest first. */
  deliveries(id: string): Promise<readonly TriggerDelivery[]>
}

export interface TriggersOptions {
  readonly db: Database
  readonly catalog: Pick<CatalogService, 'get'>
  readonly secrets: WebhookSecrets
}

/** The service over the database; `createReceiver` takes the requests. */
export function createTriggersService({ db, catalog, secrets }: TriggersOptions): TriggersService {
  const deliveries = createBatcher<string, readonly TriggerDelivery[]>({
    groupOf: () => '',
    load: async (ids) => {
      const found = await lastDeliveries(db, ids)
      return ids.map((id) => () => found.get(id) ?? [])
    },
  })

  return {
    async set(given) {
      const { secret: own, ...input } = checkedTrigger(given)
      await catalog.get(input.path, input.version)
      const updated = await updateTrigger(db, input)
      if (updated) {
        if (own !== null) await secrets.rotate(updated.id, own)
        return { trigger: updated, secret: own ?? '' }
      }
      if ((await countTriggers(db)) >= MAX_TRIGGERS) {
        throw new TransientError(
          'CONFLICT',
          `there are ${MAX_TRIGGERS} triggers already: delete one, or let one serve several senders`,
        )
      }
      const id = `tg_${randomBytes(12).toString('base64url')}`
      const secret = own ?? randomBytes(SECRET_BYTES).toString('base64url')
      const stored = secrets.stored(id, { current: secret, previous: null, until: null })
      const made = await insertTrigger(db, { ...input, id, ...stored })
      // Somebody else has just made one of that name.
      return made ? { trigger: made, secret } : this.set(given)
    },
    async rotateSecret(name) {
      const trigger = await findTrigger(db, name)
      if (trigger === null) throw noTrigger(name)
      return { trigger, secret: await secrets.rotate(trigger.id, randomBytes(SECRET_BYTES).toString('base64url')) }
    },
    remove: (name) => deleteTrigger(db, name),
    list: () => listTriggers(db),
    deliveries: (id) => deliveries(id),
  }
}

export function noTrigger(name: string): TransientError {
  return new TransientError('NOT_FOUND', `there is no trigger ${JSON.stringify(name.slice(0, 60))}`)
}
