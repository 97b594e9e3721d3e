import type { Logger } from 'pino'
import type { Database } from '../db/database.js'
import { findLostKeys } from '../rotation/service.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { Closing } from './closing.js'

const PERIOD_MS = 10_000

const LOST_KEYS =
  'sensitive values are encrypted with keys that ENCRYPTION_KEYS does not hold: steps that need them are left to servers that have them, what else reads them fails'

interface KeysInUseParts {
  readonly db: Database
  readonly keyRing: KeyRing
  readonly logger: Logger
  readonly closing: Closing
}

/**
 * Looks now and again which keys anything is encrypted with, as other servers may begin to use one that this one lacks, and says in the
 * log when it changes. Returns the state for `/health/ready`: `on`, `off` without keys, or the keys that are missing.
 */
export async function watchKeysInUse({ db, keyRing, logger, closing }: KeysInUseParts): Promise<() => string> {
  let lost: readonly string[] = []
  async function look(): Promise<void> {
    const found = await findLostKeys(db, keyRing)
    if (found.join() !== lost.join()) {
      if (found.length > 0) logger.warn({ keys: found }, LOST_KEYS)
      else logger.info('ENCRYPTION_KEYS holds every key that is in use')
    }
    lost = found
  }
  await look()
  // A database that is away is said elsewhere.
  const timer = setInterval(() => void look().catch(() => undefined), PERIOD_MS).unref()
  closing.add('keys in use', async () => clearInterval(timer))
  return () => {
    if (lost.length > 0) return `keys missing: ${lost.join(', ')}`
    return keyRing.ids.length === 0 ? 'off' : 'on'
  }
}
