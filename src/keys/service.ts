import { insertEntries } from '../audit/store.js'
import { type Clock, systemClock } from '../core/clock.js'
import { TransientError } from '../core/errors.js'
import type { Role } from '../core/principal.js'
import type { Database, Sql } from '../db/database.js'
import type { ApiKeyRecord } from './record.js'
import { mintKey } from './secret.js'
import { findKey, insertKey, listExpiredKeys, listKeys, listLiveKeys, lockKeys, revokeKey } from './store.js'

export interface CreateKeyRequest {
  readonly name: string
  readonly role: Role
  /** null: it ends only when it is revoked. */
  readonly expiresAt: Date | null
  readonly actor: string
}

export interface CreatedKey {
  readonly key: ApiKeyRecord
  /** The whole key; nobody can see it again. */
  readonly secret: string
  /** Whether it is the first credential: from now on every caller needs one. */
  readonly isFirst: boolean
}

/** API keys: made, listed, revoked. Both actions are recorded in the audit, in the same transaction. */
export interface KeysService {
  /** @throws TransientError VALIDATION; CONFLICT when two keys of the name live, or nobody would be left to make keys */
  create(request: CreateKeyRequest): Promise<CreatedKey>
  list(): Promise<ApiKeyRecord[]>
  /**
   * Revoking a revoked one returns it.
   * @throws TransientError NOT_FOUND; CONFLICT when nobody would be left to make keys, or the server would open and `reopen` is not said
   */
  revoke(request: RevokeKeyRequest): Promise<ApiKeyRecord>
}

export interface RevokeKeyRequest {
  readonly id: string
  readonly actor: string
  /** Revokes the last key too, and with it those that expired: from then on whoever reaches the server over loopback is admin. */
  readonly reopen?: boolean
}

interface KeysOptions {
  readonly db: Database
  /** Whether an admin may come in without any key of the table (ADMIN_KEY, JWT). */
  readonly isConfigured: boolean
  /** Before anything: what the audit has gathered is written, so that entries are in order. */
  readonly beforeAction?: () => Promise<void>
  /** After the commit: the sessions of this process look at once. */
  readonly onChanged: () => Promise<void>
  readonly clock?: Clock
}

const LIVE_PER_NAME = 2
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
/** Who has these names needs no key of the table. */
const RESERVED = ['admin', 'anonymous']
const MAX_YEARS = 10

/** The keys over the database. */
export function createKeysService(options: KeysOptions): KeysService {
  const { db, isConfigured, beforeAction = async () => undefined, onChanged, clock = systemClock } = options

  async function otherAdmins(tx: Sql, id: string): Promise<boolean> {
    if (isConfigured) return true
    const live = await listLiveKeys(tx)
    // An admin's key that ends by itself would leave nobody, sooner or later.
    return live.some((key) => key.role === 'admin' && key.id !== id)
  }

  async function create(request: CreateKeyRequest): Promise<CreatedKey> {
    checkKey(request, clock.now())
    const { name, role, expiresAt, actor } = request
    const minted = mintKey()
    await beforeAction()
    const created = await db.transaction(async (tx) => {
      await lockKeys(tx)
      const live = await listLiveKeys(tx, name)
      if (live.length >= LIVE_PER_NAME) throw tooMany(name, live)
      if (role !== 'admin' && !(await otherAdmins(tx, ''))) {
        throw new TransientError(
          'CONFLICT',
          'The first key closes the server to callers without one: make it an admin’s, or set ADMIN_KEY before',
        )
      }
      const isFirst = !isConfigured && (await listLiveKeys(tx)).length === 0
      const key = await insertKey(tx, { id: minted.id, name, role, hash: minted.hash, createdBy: actor, expiresAt })
      await insertEntries(tx, [auditEntry('key.created', key, { actor, now: clock.now() })])
      return { key, isFirst }
    })
    await onChanged()
    return { ...created, secret: minted.text }
  }

  async function revoke({ id, actor, reopen = false }: RevokeKeyRequest): Promise<ApiKeyRecord> {
    const end = async (tx: Sql, key: ApiKeyRecord): Promise<ApiKeyRecord> => {
      await insertEntries(tx, [auditEntry('key.revoked', key, { actor, now: clock.now() })])
      return (await revokeKey(tx, key.id)) ?? key
    }
    await beforeAction()
    const revoked = await db.transaction(async (tx) => {
      await lockKeys(tx)
      const key = await findKey(tx, id)
      if (key === null) throw new TransientError('NOT_FOUND', `there is no key ${JSON.stringify(id.slice(0, 40))}`)
      if (key.revokedAt !== null) return key
      const others = (await listLiveKeys(tx)).filter((other) => other.id !== id)
      const isLast = others.length === 0 && !isConfigured
      if (isLast && !reopen) throw wouldOpen(key)
      if (!isLast && !(await otherAdmins(tx, id))) throw wouldLockOut(key)
      if (isLast) for (const expired of await listExpiredKeys(tx)) if (expired.id !== id) await end(tx, expired)
      return end(tx, key)
    })
    await onChanged()
    return revoked
  }

  return { create, list: () => listKeys(db), revoke }
}

function checkKey({ name, expiresAt }: CreateKeyRequest, now: Date): void {
  const refuse = (field: string, message: string) =>
    new TransientError('VALIDATION', `${field}: ${message}`, { details: { field } })
  if (!NAME.test(name)) throw refuse('name', 'must have 1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit')
  if (RESERVED.includes(name.toLowerCase())) throw refuse('name', `"${name}" is taken: use another`)
  if (expiresAt === null) return
  if (!(expiresAt > now)) throw refuse('expiresAt', 'must be in the future')
  if (expiresAt.getTime() > now.getTime() + MAX_YEARS * 366 * 86_400_000) {
    throw refuse('expiresAt', `must be within ${MAX_YEARS} years; leave it out for a key that does not expire`)
  }
}

function wouldLockOut({ name }: ApiKeyRecord): TransientError {
  return new TransientError(
    'CONFLICT',
    `${name}: nobody could make or revoke keys any more; revoke the other keys before, make another admin’s, or set ADMIN_KEY`,
  )
}

function wouldOpen({ name }: ApiKeyRecord): TransientError {
  return new TransientError(
    'CONFLICT',
    `${name}: this is the last key, and without one whoever reaches the server over loopback is admin. Make another admin’s before, ` +
      'set ADMIN_KEY, or confirm that the server shall be open again (reopen)',
  )
}

function tooMany(name: string, live: readonly ApiKeyRecord[]): TransientError {
  const ids = live.map(({ id }) => id)
  const message = `${name}: two keys of this name live already (${ids.join(', ')}); revoke one of them before`
  return new TransientError('CONFLICT', message, { details: { name, ids } })
}

function auditEntry(action: string, { id, name, role }: ApiKeyRecord, by: { readonly actor: string; readonly now: Date }) {
  const subject = `${id} (${name}, ${role})`
  return { occurredAt: by.now, actor: by.actor, keyId: null, action, executionId: null, subject, count: 1 }
}
