import { createHash, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../../core/principal.js'
import type { Verifier } from '../verifier.js'

/** ADMIN_KEY or WORKER_KEY: one key from the settings, for as long as the process runs. */
export function settingKeyVerifier(key: string, principal: Principal): Verifier {
  const expected = digest(key)
  const isIt = (given: string): boolean => timingSafeEqual(digest(given), expected)
  return {
    recognises: isIt,
    verify: async (given) => (isIt(given) ? { principal, proof: '' } : null),
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
