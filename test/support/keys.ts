import { createHash } from 'node:crypto'
import { createKeyRing, type EncryptionKey, type KeyRing } from '../../src/sealing/key-ring.js'

/** A key that is always the same for its id. */
export function testKey(id: string): EncryptionKey {
  return { id, key: createHash('sha256').update(id).digest() }
}

export function keyRingOf(...ids: readonly string[]): KeyRing {
  return createKeyRing(ids.map(testKey))
}

/** The same keys as a setting. */
export function encryptionKeys(...ids: readonly string[]): string {
  return ids.map((id) => `${id}:${testKey(id).key.toString('base64')}`).join(',')
}
