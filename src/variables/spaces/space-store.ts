import { cursorsBy, type Page, type PageRequest, pageSize, readCursor, textPart } from '../../core/cursor.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Sql } from '../../db/database.js'
import type { Execution } from '../../db/generated/client.js'

/** A stream of variables without an execution. */
export interface SpaceRecord {
  readonly id: ExecutionId
  readonly name: string
  readonly revision: number
  readonly variableCount: number
  readonly createdAt: Date
}

/** One space; null where nothing was ever written to it. */
export async function findSpace(sql: Sql, id: ExecutionId): Promise<SpaceRecord | null> {
  const row = await sql.prisma(({ execution }) => execution.findUnique({ where: { id: BigInt(id), space: { not: null } } }))
  return row === null ? null : toSpace(row)
}

/** One page of spaces by their names. */
export async function pageSpaces(sql: Sql, page: PageRequest): Promise<Page<SpaceRecord>> {
  const size = pageSize(page.first)
  const after = readCursor(page.after, [textPart])
  const isSpace = { space: { not: null } }
  const totalCount = page.isCounted === false ? null : await sql.prisma(({ execution }) => execution.count({ where: isSpace }))
  const where = after === null ? isSpace : { space: { gt: after[0] ?? '' } }
  const rows = await sql.prisma(({ execution }) => execution.findMany({ where, orderBy: { space: 'asc' }, take: size + 1 }))
  const items = rows.slice(0, size).map(toSpace)
  return {
    items,
    cursorAt: cursorsBy(items, ({ name }) => [name]),
    hasNextPage: rows.length > size,
    hasPreviousPage: after !== null,
    totalCount,
  }
}

function toSpace({ id, space, revision, variableCount, createdAt }: Execution): SpaceRecord {
  return { id: String(id), name: space ?? '', revision: Number(revision), variableCount, createdAt }
}
