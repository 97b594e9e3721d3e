import type { SqlParameter } from './database.js'
import type { Column } from './rows.js'

/** What a driver answers to a statement. */
export interface Answer {
  readonly rows: unknown[]
  readonly columns: readonly Column[]
  readonly count: number
}

/**
 * `records`, without it: parsed, by name. `texts`: each row is an array of its columns, in PostgreSQL's own text. `prisma`: the same, for a statement
 * of Prisma's client.
 */
export type RowForm = 'records' | 'texts' | 'prisma'

export type RunStatement = (text: string, parameters: readonly SqlParameter[], form?: RowForm) => Promise<Answer>

/** Runs the work on one connection. */
export type Session = <T>(work: (statement: RunStatement) => Promise<T>) => Promise<T>
