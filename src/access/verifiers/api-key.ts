import { createPrincipal } from '../../core/principal.js'
import type { Database } from '../../db/database.js'
import { isKeyOf, keyIdOf } from '../../keys/secret.js'
import { findLiveKey, liveKeyIds, touchKey } from '../../keys/store.js'
import type { Verifier } from '../verifier.js'

const TOUCH_MS = 60_000
/** Compared with where there is no such key, so that the response takes as long. */
const NO_HASH = '0'.repeat(64)

/** The keys of `transient.api_key`. */
export function apiKeyVerifier(db: Database): Verifier {
  const touchedAt = new Map<string, number>()

  return {
    recognises: (given) => keyIdOf(given) !== null,
    async verify(given) {
      const id = keyIdOf(given)
      if (id === null) return null
      const found = await findLiveKey(db, id)
      if (!isKeyOf(given, found?.hash ?? NO_HASH) || found === null) return null
      const { name, role, expiresAt } = found.key
      return { principal: createPrincipal({ name, actor: `api:${name}`, role, keyId: id, expiresAt }), proof: id }
    },
    async stillGood(known) {
      const live = await liveKeyIds(db, [...new Set(known.map(({ proof }) => proof))])
      for (const id of touchedAt.keys()) if (!live.has(id)) touchedAt.delete(id)
      return known.filter(({ proof }) => live.has(proof))
    },
    used({ proof: id }) {
      const now = Date.now()
      if (now - (touchedAt.get(id) ?? 0) < TOUCH_MS) return
      touchedAt.set(id, now)
      // When it was last used is worth less than the request that uses it.
      touchKey(db, id).catch(() => touchedAt.delete(id))
    },
  }
}
