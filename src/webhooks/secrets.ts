import { LRUCache } from 'lru-cache'
import { TransientError } from '../core/errors.js'
import { type JsonObject, parseJson, stringifyJson } from '../core/json.js'
import type { Database, Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { triggerLocation, webhookLocation } from '../sealing/location.js'
import { findTriggerSecrets, saveTriggerSecrets } from './inbound/store.js'
import { newSecret } from './signature.js'
import { findSecrets, type StoredSecrets, saveSecrets } from './store.js'

/** Another process may have made a new one: it is known here a moment later, and until then the old one signs. */
const KEPT_MS = 1_000
const MAX_KEPT = 1_000

/** How long requests are signed with the secret before, too. */
const OVERLAP_MS = 24 * 3_600_000

interface Secrets {
  readonly current: string
  readonly previous: string | null
  /** Until when the previous one signs, too: ISO 8601. */
  readonly until: string | null
}

/** The secrets of hooks, or of triggers: encrypted where there is a key ring. */
export interface WebhookSecrets {
  /** As columns. */
  stored(id: string, secrets: Secrets): StoredSecrets
  /** What requests are signed with now, the newest first. @throws MissingKey; TransientError NOT_FOUND */
  live(id: string): Promise<readonly string[]>
  /** A new one, by default a made one, which is answered. @throws TransientError NOT_FOUND */
  rotate(id: string, secret?: string): Promise<string>
}

const KINDS = {
  webhook: { find: findSecrets, save: saveSecrets, locate: webhookLocation },
  trigger: { find: findTriggerSecrets, save: saveTriggerSecrets, locate: triggerLocation },
}

export interface SecretsOptions {
  readonly db: Database
  readonly keyRing: KeyRing
  /** Whose. */
  readonly kind: keyof typeof KINDS
}

/** The secrets over the database. */
export function createSecrets({ db, keyRing, kind }: SecretsOptions): WebhookSecrets {
  const { find, save, locate } = KINDS[kind]
  const kept = new LRUCache<string, Secrets>({ max: MAX_KEPT, ttl: KEPT_MS })

  async function read(sql: Sql, id: string): Promise<Secrets> {
    const row = await find(sql, id)
    if (row === null) throw new TransientError('NOT_FOUND', `there is no ${kind} ${JSON.stringify(id.slice(0, 60))}`)
    const found = row.sealed === null ? parseJson(row.secrets ?? 'null') : keyRing.open(row.sealed, locate(id))
    return found as unknown as Secrets
  }

  function stored(id: string, { current, previous, until }: Secrets): StoredSecrets {
    const secrets: JsonObject = { current, previous, until }
    if (keyRing.ids.length === 0) return { sealed: null, secrets: stringifyJson(secrets) }
    return { sealed: keyRing.seal(secrets, locate(id)), secrets: null }
  }

  return {
    stored,
    async live(id) {
      const known = kept.get(id)
      const secrets = known ?? (await read(db, id))
      if (known === undefined) kept.set(id, secrets)
      const { current, previous, until } = secrets
      return previous !== null && until !== null && new Date(until) > new Date() ? [current, previous] : [current]
    },
    async rotate(id, secret = newSecret()) {
      await db.transaction(async (tx) => {
        const { current } = await read(tx, id)
        const until = new Date(Date.now() + OVERLAP_MS).toISOString()
        await save(tx, id, stored(id, { current: secret, previous: current, until }))
      })
      kept.delete(id)
      return secret
    },
  }
}
