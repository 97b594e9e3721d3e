import { TransientError } from '../core/errors.js'
import type { Database } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { findKeysInUse, resealRows } from './store.js'

/** Rows in one transaction: writers wait no longer for one of them than that takes. */
const BATCH = 100
const DEFAULT_LIMIT = 1_000
const MAX_LIMIT = 10_000

export interface RotateRequest {
  /** The key that everything shall be sealed with: the first of the ring, and no other. By default that one. */
  readonly to?: string | null | undefined
  /** Rows at most; whoever called goes on until it is done. */
  readonly limit?: number | null | undefined
}

export interface Rotation {
  readonly keyId: string
  /** Rows that this call re-encrypted. */
  readonly rotated: number
  /** Nothing that can be opened is left under another key. */
  readonly isDone: boolean
  /** Keys that something is still sealed with, and that this server does not have. */
  readonly lostKeys: readonly string[]
}

/** Re-encrypts with the newest key what is encrypted with an older one. It keeps no state: what is left is what has another key. */
export interface RotationService {
  /** A part of it. @throws TransientError VALIDATION without the key that is asked for, or when it is not the first */
  rotate(request: RotateRequest): Promise<Rotation>
}

export function createRotationService({ db, keyRing }: { db: Database; keyRing: KeyRing }): RotationService {
  return {
    async rotate({ to, limit }) {
      const keyId = targetOf(to ?? null, keyRing)
      const most = checkedLimit(limit ?? DEFAULT_LIMIT)
      const { stale, lost } = await staleKeys(db, keyRing, keyId)
      let rotated = 0
      for (const old of stale) {
        while (rotated < most) {
          const batch = Math.min(BATCH, most - rotated)
          const count = await db.transaction((tx) =>
            resealRows(tx, {
              keyId: old,
              limit: batch,
              reseal: (sealed, location) => keyRing.seal(keyRing.open(sealed, location), location),
            }),
          )
          rotated += count
          if (count === 0) break
          await new Promise(setImmediate)
        }
      }
      const after = rotated === 0 && stale.length === 0 ? { stale, lost } : await staleKeys(db, keyRing, keyId)
      return { keyId, rotated, isDone: after.stale.length === 0, lostKeys: after.lost }
    },
  }
}

/** Keys that something is sealed with and that are not in the ring. */
export async function findLostKeys(db: Database, keyRing: KeyRing): Promise<string[]> {
  return [...(await findKeysInUse(db))].filter((id) => !keyRing.ids.includes(id)).sort()
}

async function staleKeys(db: Database, { ids }: KeyRing, keyId: string): Promise<{ stale: string[]; lost: string[] }> {
  const used = [...(await findKeysInUse(db))].filter((id) => id !== keyId).sort()
  return { stale: used.filter((id) => ids.includes(id)), lost: used.filter((id) => !ids.includes(id)) }
}

function targetOf(to: string | null, keyRing: KeyRing): string {
  keyRing.checkKeys('a rotation')
  const [first = ''] = keyRing.ids
  if (to === null || to === first) return first
  const why = keyRing.ids.includes(to)
    ? `it is in the ring, but "${first}" stands first and seals: put it first in ENCRYPTION_KEYS of every process`
    : 'this server does not have it: add it to ENCRYPTION_KEYS of every process, as the first'
  throw new TransientError('VALIDATION', `to: cannot rotate to the key "${to.slice(0, 64)}": ${why}`, {
    details: { field: 'to' },
  })
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new TransientError('VALIDATION', `limit: a whole number from 1 to ${MAX_LIMIT}`, { details: { field: 'limit' } })
}
