// By hand: every process asks each second, by the database's clock, which Prisma's client has no word for (decision 24).
import type { ExecutionId } from '../../core/ids.js'
import type { Sql } from '../../db/database.js'

/** A variable whose time is up, if it still has this version. */
export interface Expired {
  readonly executionId: ExecutionId
  readonly name: string
  readonly version: number
}

/** What is to be deleted by now, by the database's clock. */
export async function listExpired(sql: Sql, limit: number): Promise<Expired[]> {
  const rows = await sql.rows<{ readonly execution_id: bigint; readonly name: string; readonly version: number }>(
    `SELECT execution_id, var_name AS name, version FROM transient.expiry WHERE expires_at <= now() ORDER BY expires_at LIMIT ${limit}`,
  )
  return rows.map(({ execution_id, name, version }) => ({ executionId: String(execution_id), name, version }))
}

/** Forgets one that was dealt with; not one that was noted anew meanwhile. */
export async function forgetExpired(sql: Sql, { executionId, name, version }: Expired): Promise<void> {
  await sql.prisma(({ expiry }) => expiry.deleteMany({ where: { executionId: BigInt(executionId), name, version } }))
}
