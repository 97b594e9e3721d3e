import { counterPart, cursorsBy, type Page, pageSize, readCursor, textPart } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import type { Database, Sql } from '../db/database.js'
import type { PlaybookRecord, RegisteredPlaybook } from './record.js'

interface PlaybookRow {
  readonly path: string
  readonly version: number
  readonly name: string
  readonly source: string
  readonly registered_at: Date
}

interface NewPlaybook {
  readonly path: string
  readonly name: string
  readonly source: string
  /** The latest version that is known to whoever registers; 0: none. Absent: whatever is there. */
  readonly expectedVersion?: number | null | undefined
}

interface PageQuery {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Above every version. */
const MAX_VERSION = String(2 ** 31)
const COLUMNS = 'path, version, name, source, registered_at'

/** One version of a playbook, by default the latest. */
export async function findPlaybook(sql: Sql, path: string, version: number | null): Promise<PlaybookRecord | null> {
  const [row] =
    version === null
      ? await sql.rows<PlaybookRow>(
          `SELECT ${COLUMNS} FROM transient.playbook WHERE path = $1::text ORDER BY version DESC LIMIT 1`,
          path,
        )
      : await sql.rows<PlaybookRow>(
          `SELECT ${COLUMNS} FROM transient.playbook WHERE path = $1::text AND version = $2::integer`,
          path,
          version,
        )
  return row === undefined ? null : toPlaybook(row)
}

/** Versions of playbooks; null where there is none. */
export async function findVersions(
  sql: Sql,
  versions: readonly { readonly path: string; readonly version: number }[],
): Promise<(PlaybookRecord | null)[]> {
  const rows = await sql.rows<PlaybookRow>(
    `SELECT ${COLUMNS} FROM transient.playbook
     WHERE (path, version) IN (SELECT k.path, k.version FROM unnest($1::text[], $2::integer[]) AS k(path, version))`,
    versions.map(({ path }) => path),
    versions.map(({ version }) => String(version)),
  )
  const found = new Map(rows.map((row) => [`${row.version} ${row.path}`, toPlaybook(row)]))
  return versions.map(({ path, version }) => found.get(`${version} ${path}`) ?? null)
}

/**
 * Inserts the next version of a path, unless the latest has this source already. Registrations of one path wait for each other.
 * @throws TransientError CONFLICT when the latest version is another than the expected one
 */
export function insertNextVersion(
  db: Database,
  { path, name, source, expectedVersion }: NewPlaybook,
): Promise<RegisteredPlaybook> {
  return db.transaction(async (tx) => {
    await tx.run('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', `transient.playbook:${path}`)
    const latest = await findPlaybook(tx, path, null)
    if (latest?.source === source) return { ...latest, isNew: false }
    checkExpected(path, expectedVersion ?? null, latest?.version ?? 0)
    const [row] = await tx.rows<PlaybookRow>(
      `INSERT INTO transient.playbook (path, version, name, source) VALUES ($1::text, $2::integer, $3::text, $4::text) RETURNING ${COLUMNS}`,
      path,
      (latest?.version ?? 0) + 1,
      name,
      source,
    )
    if (row === undefined) throw new Error(`playbook ${path} was not inserted`)
    return { ...toPlaybook(row), isNew: true }
  })
}

function checkExpected(path: string, expected: number | null, version: number): void {
  if (expected === null || expected === version) return
  const there = version === 0 ? 'is not registered' : `is at version ${version}`
  throw new TransientError(
    'CONFLICT',
    `playbook "${path}" ${there}, not at version ${expected}; compare, then register over it`,
    {
      details: { path, version },
    },
  )
}

/** The latest version of every path, by path. */
export async function pagePlaybooks(sql: Sql, page: PageQuery): Promise<Page<PlaybookRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [textPart])
  const counted = await sql.rows<{ count: bigint }>('SELECT count(DISTINCT path) AS count FROM transient.playbook')
  const rows = await sql.rows<PlaybookRow>(
    `SELECT DISTINCT ON (path) ${COLUMNS} FROM transient.playbook WHERE path > $1::text ORDER BY path, version DESC LIMIT ${size + 1}`,
    after?.[0] ?? '',
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(toPlaybook),
    cursorAt: cursorsBy(shown, (row) => [row.path]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: Number(counted[0]?.count ?? 0),
  }
}

/** The versions of one path, newest first. */
export async function pageVersions(sql: Sql, path: string, page: PageQuery): Promise<Page<PlaybookRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [counterPart()])
  const counted = await sql.rows<{ count: bigint }>(
    'SELECT count(*) AS count FROM transient.playbook WHERE path = $1::text',
    path,
  )
  const rows = await sql.rows<PlaybookRow>(
    `SELECT ${COLUMNS} FROM transient.playbook WHERE path = $1::text AND version < $2::bigint ORDER BY version DESC LIMIT ${size + 1}`,
    path,
    after?.[0] ?? MAX_VERSION,
  )
  const shown = rows.slice(0, size)
  return {
    items: shown.map(toPlaybook),
    cursorAt: cursorsBy(shown, (row) => [String(row.version)]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount: Number(counted[0]?.count ?? 0),
  }
}

function toPlaybook(row: PlaybookRow): PlaybookRecord {
  return { path: row.path, version: row.version, name: row.name, source: row.source, registeredAt: row.registered_at }
}
