import type { Database } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { AddressPolicyOptions } from '../tools/http/address-policy.js'
import { createPoster } from './post.js'
import { createWebhookRegistry, type WebhookRegistry } from './registry.js'
import { createSecrets } from './secrets.js'
import { createWebhookSender, type SenderOptions, type WebhookSender } from './sender.js'
import { createWebhooksService, type WebhooksService } from './service.js'

/** Webhooks of a process: what writes go by, what callers do with them, and what sends. */
export interface Webhooks {
  readonly outbox: WebhookRegistry
  readonly service: WebhooksService
  readonly sender: WebhookSender
  close(): Promise<void>
}

export interface WebhooksParts extends Pick<SenderOptions, 'observer' | 'logger'> {
  readonly db: Database
  /** Encrypts secrets; without keys they lie in the database as they are. */
  readonly keyRing: KeyRing
  /** Which receivers may be reached. */
  readonly addresses: AddressPolicyOptions
  /** Other processes write to the database, too. */
  readonly isShared: boolean
}

/** Reads the hooks; nothing is sent before the sender starts. */
export async function openWebhooks({ db, keyRing, addresses, isShared, ...observed }: WebhooksParts): Promise<Webhooks> {
  const outbox = await createWebhookRegistry({ db, isShared })
  const poster = createPoster(addresses)
  const secrets = createSecrets({ db, keyRing, kind: 'webhook' })
  return {
    outbox,
    service: createWebhooksService({ db, registry: outbox, poster, secrets }),
    sender: createWebhookSender({ db, registry: outbox, poster, secretsOf: secrets.live, ...observed }),
    async close() {
      outbox.close()
      await poster.close()
    },
  }
}
