import type { Role } from '../core/principal.js'
import type { Sql } from '../db/database.js'
import type { ApiKeyRecord } from './record.js'

interface ApiKeyRow {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly created_at: Date
  readonly created_by: string
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
}

export interface NewApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly hash: string
  readonly createdBy: string
  readonly expiresAt: Date | null
}

const COLUMNS = 'id, name, role, created_at, created_by, expires_at, revoked_at, last_used_at'
/** By the database's clock, the same for every process. */
const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())'

function fromRow(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}

/** Keys are made and revoked one after another, until the transaction ends. */
export async function lockKeys(tx: Sql): Promise<void> {
  await tx.run('LOCK TABLE transient.api_key IN SHARE ROW EXCLUSIVE MODE')
}

export async function insertKey(tx: Sql, key: NewApiKey): Promise<ApiKeyRecord> {
  const [row] = await tx.rows<ApiKeyRow>(
    `INSERT INTO transient.api_key (id, name, role, hash, created_by, expires_at)
     VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz) RETURNING ${COLUMNS}`,
    key.id,
    key.name,
    key.role,
    key.hash,
    key.createdBy,
    key.expiresAt,
  )
  if (row === undefined) throw new Error('an API key was not inserted')
  return fromRow(row)
}

/** A key that is neither revoked nor expired, with its hash. */
export async function findLiveKey(sql: Sql, id: string): Promise<{ readonly key: ApiKeyRecord; readonly hash: string } | null> {
  const [row] = await sql.rows<ApiKeyRow & { readonly hash: string }>(
    `SELECT ${COLUMNS}, hash FROM transient.api_key WHERE id = $1::text AND ${LIVE}`,
    id,
  )
  return row === undefined ? null : { key: fromRow(row), hash: row.hash }
}

/** Which of these are neither revoked nor expired. */
export async function liveKeyIds(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql.rows<{ id: string }>(`SELECT id FROM transient.api_key WHERE id = ANY($1::text[]) AND ${LIVE}`, ids)
  return new Set(rows.map(({ id }) => id))
}

/** Keys that are neither revoked nor expired, of a name or of all. */
export async function listLiveKeys(sql: Sql, name: string | null = null): Promise<ApiKeyRecord[]> {
  const rows = await sql.rows<ApiKeyRow>(
    `SELECT ${COLUMNS} FROM transient.api_key WHERE ($1::text IS NULL OR name = $1::text) AND ${LIVE} ORDER BY created_at, id`,
    name,
  )
  return rows.map(fromRow)
}

/** Keys that ended by themselves: neither live nor revoked. */
export async function listExpiredKeys(sql: Sql): Promise<ApiKeyRecord[]> {
  const rows = await sql.rows<ApiKeyRow>(
    `SELECT ${COLUMNS} FROM transient.api_key WHERE revoked_at IS NULL AND expires_at <= now() ORDER BY created_at, id`,
  )
  return rows.map(fromRow)
}

/** Every key that ever was, by name and age. */
export async function listKeys(sql: Sql): Promise<ApiKeyRecord[]> {
  const rows = await sql.rows<ApiKeyRow>(`SELECT ${COLUMNS} FROM transient.api_key ORDER BY name, created_at, id`)
  return rows.map(fromRow)
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
  const [row] = await tx.rows<ApiKeyRow>(
    `UPDATE transient.api_key SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1::text RETURNING ${COLUMNS}`,
    id,
  )
  return row === undefined ? null : fromRow(row)
}

export async function findKey(sql: Sql, id: string): Promise<ApiKeyRecord | null> {
  const [row] = await sql.rows<ApiKeyRow>(`SELECT ${COLUMNS} FROM transient.api_key WHERE id = $1::text`, id)
  return row === undefined ? null : fromRow(row)
}

/** Notes that a key was used, at most once a minute. */
export async function touchKey(sql: Sql, id: string): Promise<void> {
  await sql.run(
    `UPDATE transient.api_key SET last_used_at = now()
     WHERE id = $1::text AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
    id,
  )
}
