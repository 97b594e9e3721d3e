import type { PrismaClient } from './generated/client.js'

export type SqlParameter = string | number | bigint | boolean | Date | null | readonly string[]

/**
 * SQL with numbered parameters ($1, $2, ...), each with a cast where its type is not plain. BIGINT (also `count(*)`) comes
 * back as bigint, INTEGER as number, timestamps as Date, NUMERIC as text. Read a jsonb column as `column::text`: parsed by
 * the driver it loses digits.
 */
export interface Sql {
  rows<Row>(text: string, ...parameters: SqlParameter[]): Promise<Row[]>
  /** The number of rows touched. */
  run(text: string, ...parameters: SqlParameter[]): Promise<number>
}

/**
 * PostgreSQL, or PGlite in process. PGlite has one connection: inside a transaction use only its `tx`, never the
 * database (it would wait for itself), and never await the network.
 */
export interface Database extends Sql {
  readonly dialect: 'postgres' | 'pglite'
  /** Prisma's client for cold reads; jsonb columns lose long digits through it. */
  readonly prisma: PrismaClient
  /** READ COMMITTED; run again from the start, up to three times, when PostgreSQL reports a deadlock or a serialisation failure. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>
  close(): Promise<void>
}
