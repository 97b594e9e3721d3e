import type { TransientError } from '../core/errors.js'
import type { Prisma, PrismaClient } from './generated/client.js'

export type SqlParameter = string | number | bigint | boolean | Date | null | readonly string[]

/** The columns in their order, in PostgreSQL's own text; null is NULL. */
export type TextRow = readonly (string | null)[]

/** Prisma's client without what is ours: connections and transactions. */
export type PrismaModels = Omit<PrismaClient, `$${string}`> & Pick<PrismaClient, '$queryRaw'>

/** One operation of Prisma's client: `({ playbook }) => playbook.findMany(...)`. */
export type PrismaOperation<T> = (client: PrismaModels) => Prisma.PrismaPromise<T>

/**
 * SQL with numbered parameters ($1, $2, ...), each with a cast where its type is not plain. BIGINT (also `count(*)`) comes
 * back as bigint, INTEGER as number, timestamps as Date, NUMERIC as text. Read a jsonb column as `column::text`: parsed by
 * the driver it loses digits.
 */
export interface Sql {
  rows<Row>(text: string, ...parameters: SqlParameter[]): Promise<Row[]>
  /** Rows as PostgreSQL writes them, nothing parsed: for many rows of which only some columns are looked at. */
  texts(text: string, ...parameters: SqlParameter[]): Promise<TextRow[]>
  /** The number of rows touched. */
  run(text: string, ...parameters: SqlParameter[]): Promise<number>
  /**
   * One operation of Prisma's client, over the same connections and under the same rules as SQL: inside a transaction it is a part of it. BIGINT is
   * bigint, and jsonb is text, with all its digits. It takes some 0.3 ms of processor time more than a statement by hand, four times as much, and the
   * first one loads the client: for what is not asked often (decision 24).
   */
  prisma<T>(operation: PrismaOperation<T>): Promise<T>
}

/**
 * What a transaction's work is given. Statements that are issued without waiting for one another's answers run in the order of
 * issue and take one round trip together: `Promise.all([lock(tx), load(tx)])`. The load sees what was committed while the lock
 * was waited for, because each statement has its own snapshot.
 */
export interface Transaction extends Sql {
  /** A statement whose answer nobody needs: it travels with the next one, COMMIT at the latest. If it fails, the transaction does. */
  send(text: string, ...parameters: SqlParameter[]): void
}

/**
 * PostgreSQL. Inside a transaction use only its `tx`: the database would take a second connection; and never await the network.
 */
export interface Database extends Sql {
  /**
   * READ COMMITTED; run again from the start, up to three times, when PostgreSQL reports a deadlock or a serialisation failure.
   * @throws an error that `isUndecided` when its commit got no answer; after any other the transaction did not happen
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  /**
   * One statement that is a transaction by itself, and takes one round trip.
   * @throws an error that `isUndecided` when it was sent and got no answer; after any other it did not happen
   */
  alone<Row>(text: string, ...parameters: SqlParameter[]): Promise<Row[]>
  /**
   * For reads whose cost the input of a caller decides: they have a shorter limit, a share of the connections only, and are
   * cancelled in the database when the signal aborts. Anything else has a limit, too, and runs to its end.
   * @throws TransientError OVERLOADED when it took too long, or the caller has left
   */
  reading(signal?: AbortSignal): Sql
  /** Why nothing may be written now (a full disk); null: it may. Transactions and `alone` are refused with it; reads go on. */
  refusal(): TransientError | null
  close(): Promise<void>
}
