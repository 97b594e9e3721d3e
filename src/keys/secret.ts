import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
const ID_LENGTH = 12
const KEY = /^tr_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$/

export interface MintedKey {
  readonly id: string
  /** The whole key, `tr_<id>_<secret>`: shown once. */
  readonly text: string
  readonly hash: string
}

/** A new key with a secret of 256 bits. A fast hash is right for it: nobody can try that many. */
export function mintKey(): MintedKey {
  const id = Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('')
  const text = `tr_${id}_${randomBytes(32).toString('base64url')}`
  return { id, text, hash: hashKey(text) }
}

/** The id of a text that has the form of a key, or null. */
export function keyIdOf(text: string): string | null {
  return KEY.exec(text)?.[1] ?? null
}

/** Whether a key is the one that a hash was made of, in a time that says nothing about where they differ. */
export function isKeyOf(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashKey(text), 'hex'), Buffer.from(hash, 'hex'))
}

function hashKey(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
