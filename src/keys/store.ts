// By Prisma's client. SQL by hand are a lock, for which it has no word; `findLiveKey`, which callers without a key can trigger as often as they like: through
// Prisma it takes four times the processor time (decision 24); and `hasUnrevokedKey`, which the start asks: it does not wait for that client.
import type { Role } from '../core/principal.js'
import type { Sql } from '../db/database.js'
import { databaseTime } from '../db/now.js'
import type { ApiKeyRecord } from './record.js'

export interface NewApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly hash: string
  readonly createdBy: string
  readonly expiresAt: Date | null
}

const MINUTE_MS = 60_000
const BY_AGE = [{ createdAt: 'asc' }, { id: 'asc' }] as const
/** A key's hash is shown to nobody who does not compare it. */
const WITHOUT_HASH = { hash: true } as const

/** Neither revoked nor expired, by the database's clock. */
async function live(sql: Sql) {
  return { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: await databaseTime(sql) } }] }
}

/** The table's CHECK lets no other roles in. */
function toKey<Row extends { readonly role: string }>(row: Row): Row & { readonly role: Role } {
  return row as Row & { readonly role: Role }
}

/** Keys are made and revoked one after another, until the transaction ends. */
export async function lockKeys(tx: Sql): Promise<void> {
  await tx.run('LOCK TABLE transient.api_key IN SHARE ROW EXCLUSIVE MODE')
}

export async function insertKey(tx: Sql, key: NewApiKey): Promise<ApiKeyRecord> {
  return toKey(await tx.prisma(({ apiKey }) => apiKey.create({ data: { ...key }, omit: WITHOUT_HASH })))
}

/** A key that is neither revoked nor expired, with its hash. */
export async function findLiveKey(sql: Sql, id: string): Promise<{ readonly key: ApiKeyRecord; readonly hash: string } | null> {
  const [row] = await sql.rows<ApiKeyRecord & { readonly hash: string }>(
    `SELECT id, name, role, created_at AS "createdAt", created_by AS "createdBy", expires_at AS "expiresAt", revoked_at AS "revokedAt",
       last_used_at AS "lastUsedAt", hash FROM transient.api_key
     WHERE id = $1::text AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    id,
  )
  if (row === undefined) return null
  const { hash, ...key } = row
  return { key, hash }
}

/** Which of these are neither revoked nor expired. */
export async function liveKeyIds(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const where = { id: { in: [...ids] }, ...(await live(sql)) }
  const rows = await sql.prisma(({ apiKey }) => apiKey.findMany({ where, select: { id: true } }))
  return new Set(rows.map(({ id }) => id))
}

/** Keys that are neither revoked nor expired, of a name or of all. */
export async function listLiveKeys(sql: Sql, name: string | null = null): Promise<ApiKeyRecord[]> {
  const where = { ...(name === null ? {} : { name }), ...(await live(sql)) }
  return (await sql.prisma(({ apiKey }) => apiKey.findMany({ where, orderBy: [...BY_AGE], omit: WITHOUT_HASH }))).map(toKey)
}

/** Keys that ended by themselves: neither live nor revoked. */
export async function listExpiredKeys(sql: Sql): Promise<ApiKeyRecord[]> {
  const where = { revokedAt: null, expiresAt: { lte: await databaseTime(sql) } }
  return (await sql.prisma(({ apiKey }) => apiKey.findMany({ where, orderBy: [...BY_AGE], omit: WITHOUT_HASH }))).map(toKey)
}

/** Every key that ever was, by name and age. */
export async function listKeys(sql: Sql): Promise<ApiKeyRecord[]> {
  const orderBy = [{ name: 'asc' as const }, ...BY_AGE]
  return (await sql.prisma(({ apiKey }) => apiKey.findMany({ orderBy, omit: WITHOUT_HASH }))).map(toKey)
}

/** Whether a key exists that was not revoked. One that expired counts: the end of a key must not open the server. */
export async function hasUnrevokedKey(sql: Sql): Promise<boolean> {
  const [row] = await sql.rows<{ exists: boolean }>(
    'SELECT EXISTS (SELECT 1 FROM transient.api_key WHERE revoked_at IS NULL) AS exists',
  )
  return row?.exists === true
}

/** Revokes a key, once; null when there is none. */
export async function revokeKey(tx: Sql, id: string): Promise<ApiKeyRecord | null> {
  const revokedAt = await databaseTime(tx)
  await tx.prisma(({ apiKey }) => apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt } }))
  return findKey(tx, id)
}

export async function findKey(sql: Sql, id: string): Promise<ApiKeyRecord | null> {
  const row = await sql.prisma(({ apiKey }) => apiKey.findUnique({ where: { id }, omit: WITHOUT_HASH }))
  return row === null ? null : toKey(row)
}

/** Notes that a key was used, at most once a minute. */
export async function touchKey(sql: Sql, id: string): Promise<void> {
  const lastUsedAt = await databaseTime(sql)
  const isOld = [{ lastUsedAt: null }, { lastUsedAt: { lt: new Date(lastUsedAt.getTime() - MINUTE_MS) } }]
  await sql.prisma(({ apiKey }) => apiKey.updateMany({ where: { id, OR: isOld }, data: { lastUsedAt } }))
}
