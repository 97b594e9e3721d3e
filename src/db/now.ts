import type { Sql } from './database.js'

/** The database's clock, the same for every process, to the millisecond. In a transaction: when that began. */
export async function databaseTime(sql: Sql): Promise<Date> {
  const [row] = await sql.prisma((client) => client.$queryRaw<{ now: Date }[]>`SELECT now()`)
  if (row === undefined) throw new Error('the database does not know the time')
  return row.now
}
