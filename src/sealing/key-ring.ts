import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { TransientError } from '../core/errors.js'
import { type JsonValue, parseJson, stringifyJson } from '../core/json.js'
import type { Location } from './location.js'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** One key of AES-256: 32 bytes. */
export interface EncryptionKey {
  /** Stands before what it sealed. */
  readonly id: string
  readonly key: Buffer
}

/** This process lacks the key that something needs: another one may have it, so that it fails no step. */
export class MissingKey extends TransientError {}

export function isMissingKey(error: unknown): error is MissingKey {
  return error instanceof MissingKey
}

/** The keys for sensitive values: the first one seals, every one opens. */
export interface KeyRing {
  /** The ids, the first one's first; none: this process has no keys. */
  readonly ids: readonly string[]
  /**
   * A value as `<key id>:<base64>`. It opens with the same location only: moved to another row it is worthless.
   * @throws MissingKey (VALIDATION) without keys
   */
  seal(value: JsonValue, location: Location): string
  /**
   * What was sealed.
   * @throws MissingKey (INTERNAL) that names the key, when it is not in the ring; TransientError INTERNAL that names the location, when it was sealed for another one
   */
  open(sealed: string, location: Location): JsonValue
  /** @throws TransientError VALIDATION without keys */
  checkKeys(what: string): void
}

/** A ring of the keys in their order. */
export function createKeyRing(keys: readonly EncryptionKey[]): KeyRing {
  const byId = new Map(keys.map(({ id, key }) => [id, key]))
  const [first] = keys

  return {
    ids: keys.map(({ id }) => id),
    seal(value, location) {
      if (first === undefined) throw withoutKeys('a sensitive value')
      return `${first.id}:${encrypt(first.key, stringifyJson(value), location).toString('base64')}`
    },
    open(sealed, location) {
      const end = sealed.indexOf(':')
      const id = sealed.slice(0, end)
      const key = byId.get(id)
      if (key === undefined) throw lostKey(id, location)
      const plain = decrypt(key, Buffer.from(sealed.slice(end + 1), 'base64'), location)
      if (plain === null) throw damaged(id, location)
      return parseJson(plain)
    },
    checkKeys(what) {
      if (first === undefined) throw withoutKeys(what)
    },
  }
}

/** The ring of a server that was given no keys: it seals nothing and opens nothing. */
export const NO_KEYS = createKeyRing([])

/** UTF-8 length of the compact JSON that was sealed; the cipher adds nothing to it but nonce and tag. */
export function sealedSize(sealed: string): number {
  return Buffer.byteLength(sealed.slice(sealed.indexOf(':') + 1), 'base64') - NONCE_BYTES - TAG_BYTES
}

function encrypt(key: Buffer, plain: string, location: Location): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce)
  cipher.setAAD(Buffer.from(JSON.stringify(location)))
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

/** null when key, text and location do not belong together. */
function decrypt(key: Buffer, box: Buffer, location: Location): string | null {
  if (box.length < NONCE_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv(ALGORITHM, key, box.subarray(0, NONCE_BYTES))
  decipher.setAAD(Buffer.from(JSON.stringify(location)))
  decipher.setAuthTag(box.subarray(-TAG_BYTES))
  try {
    const start = decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([start, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function withoutKeys(what: string): TransientError {
  const message = `${what} needs a key ring, and this server has none: set ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE (docs/security.md)`
  return new MissingKey('VALIDATION', message, { details: { field: 'sensitive' } })
}

function lostKey(keyId: string, location: Location): TransientError {
  const message = `${shown(location)} is encrypted with the key "${keyId}", which this server does not have (ENCRYPTION_KEYS)`
  return new MissingKey('INTERNAL', message, { details: { keyId } })
}

function damaged(keyId: string, location: Location): TransientError {
  const message = `${shown(location)} does not open with the key "${keyId}": the key is another one, or the row was changed`
  return new TransientError('INTERNAL', message, { details: { keyId } })
}

function shown([kind, executionId, ...rest]: Location): string {
  if (kind === 'webhook' || kind === 'trigger') return `the secret of ${kind} ${executionId}`
  const which = rest.length === 0 ? '' : ` ${JSON.stringify(rest[0])}`
  return kind === 'execution' ? `what execution ${executionId} was given` : `${kind}${which} of execution ${executionId}`
}
