import { counterPart, cursorsBy, type Page, pageSize, readCursor, textPart } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import type { Database, Sql } from '../db/database.js'
import type { PlaybookRecord, RegisteredPlaybook } from './record.js'

interface NewPlaybook {
  readonly path: string
  readonly name: string
  readonly source: string
  /** The latest version that is known to whoever registers; 0: none. Absent: whatever is there. */
  readonly expectedVersion?: number | null | undefined
}

/** Above every version. */
const MAX_VERSION = 2n ** 31n - 1n

type Version = Pick<PlaybookRecord, 'path' | 'version'>

interface PageQuery {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** One version of a playbook, by default the latest. */
export function findPlaybook(sql: Sql, path: string, version: number | null): Promise<PlaybookRecord | null> {
  return sql.prisma(({ playbook }) =>
    playbook.findFirst({ where: { path, ...(version === null ? {} : { version }) }, orderBy: { version: 'desc' } }),
  )
}

/** Versions of playbooks; null where there is none. */
export async function findVersions(sql: Sql, versions: readonly Version[]): Promise<(PlaybookRecord | null)[]> {
  const rows = await sql.prisma(({ playbook }) =>
    playbook.findMany({ where: { OR: versions.map(({ path, version }) => ({ path, version })) } }),
  )
  const found = new Map(rows.map((row) => [keyOf(row), row]))
  return versions.map((version) => found.get(keyOf(version)) ?? null)
}

function keyOf({ path, version }: Version): string {
  return `${version} ${path}`
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
    const version = (latest?.version ?? 0) + 1
    const made = await tx.prisma(({ playbook }) => playbook.create({ data: { path, version, name, source } }))
    return { ...made, isNew: true }
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
  // Every path has a first version, and one only.
  const totalCount = await sql.prisma(({ playbook }) => playbook.count({ where: { version: 1 } }))
  const latest = await sql.prisma(({ playbook }) =>
    playbook.groupBy({
      by: 'path',
      where: { path: { gt: after?.[0] ?? '' } },
      _max: { version: true },
      orderBy: { path: 'asc' },
      take: size + 1,
    }),
  )
  const found = await findVersions(
    sql,
    latest.slice(0, size).map(({ path, _max: { version } }) => ({ path, version: version ?? 0 })),
  )
  const items = found.filter((playbook) => playbook !== null)
  return {
    items,
    cursorAt: cursorsBy(items, ({ path }) => [path]),
    hasNextPage: latest.length > size,
    hasPreviousPage: after !== null,
    totalCount,
  }
}

/** The versions of one path, newest first. */
export async function pageVersions(sql: Sql, path: string, page: PageQuery): Promise<Page<PlaybookRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [counterPart(MAX_VERSION)])
  const totalCount = await sql.prisma(({ playbook }) => playbook.count({ where: { path } }))
  const rows = await sql.prisma(({ playbook }) =>
    playbook.findMany({
      where: { path, ...(after === null ? {} : { version: { lt: Number(after[0]) } }) },
      orderBy: { version: 'desc' },
      take: size + 1,
    }),
  )
  const items = rows.slice(0, size)
  return {
    items,
    cursorAt: cursorsBy(items, ({ version }) => [String(version)]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount,
  }
}
