import { parsed } from './types.js'

/** One key of AES-256 for sensitive values. */
export interface EncryptionKeySetting {
  readonly id: string
  readonly key: Buffer
}

const KEY_BYTES = 32
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** ENCRYPTION_KEYS: `id:base64 of 32 bytes`, by comma or line; the first one encrypts. Faults never show a key. */
export const encryptionKeys = parsed((given, onFault): EncryptionKeySetting[] => {
  const entries = given.split(/[,\n]/)
  const keys: EncryptionKeySetting[] = []
  for (const [index, entry] of entries.map((text) => text.trim()).entries()) {
    if (entry === '') continue
    const fault = (what: string) => onFault(`entry ${index + 1} ${what}`)
    const [id = '', text = '', ...rest] = entry.split(':')
    const key = Buffer.from(text, 'base64')
    if (rest.length > 0 || !/^[A-Za-z0-9_.-]{1,64}$/.test(id))
      fault('is not id:key, with an id of letters, digits, ".", "_", "-"')
    else if (!BASE64.test(text) || key.length !== KEY_BYTES) fault(`("${id}") is not base64 of ${KEY_BYTES} bytes`)
    else if (keys.some((known) => known.id === id)) fault(`("${id}") has the id of an entry before it`)
    else keys.push({ id, key })
  }
  return keys
})
