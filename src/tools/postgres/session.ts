import { ANSWER_LIMIT, ROW_LIMIT } from '../outcome.js'
import type { Column } from './decode.js'

export interface SqlResult {
  readonly columns: readonly Column[]
  /** Values in PostgreSQL's text format. */
  readonly rows: readonly (readonly (string | null)[])[]
  readonly rowCount: number
}

/** An error that the database answered with. */
export class SqlFault extends Error {
  constructor(
    message: string,
    /** SQLSTATE; empty where the connection itself failed. */
    readonly sqlState: string,
    readonly detail: string | null = null,
  ) {
    super(message)
  }
}

/** The answer is over a limit. */
export class SqlAnswerTooLarge extends Error {
  constructor(readonly limit: AnswerLimit) {
    super(`over the limit of ${limit}`)
  }
}

/** A limit as messages name it. */
export type AnswerLimit = typeof SIZE_LIMIT | typeof ROWS_LIMIT
export const SIZE_LIMIT = '10 MiB'
const ROWS_LIMIT = '100,000 rows'

/** Counts an answer while it comes, so that no more of it than its limit is ever kept. */
export interface AnswerMeter {
  /** The limit that the answer has passed with this row, or null. */
  add(row: readonly (string | null)[]): AnswerLimit | null
}

export function createAnswerMeter(): AnswerMeter {
  let size = 0
  let rows = 0
  return {
    add(row) {
      rows += 1
      size += row.reduce((sum, value) => sum + (value === null ? 5 : value.length + 3), 2)
      if (size > ANSWER_LIMIT) return SIZE_LIMIT
      return rows > ROW_LIMIT ? ROWS_LIMIT : null
    },
  }
}

/** One connection, for one call. Every method throws `SqlFault` for what the database refuses. */
export interface SqlSession {
  query(text: string, values?: readonly (string | null)[]): Promise<SqlResult>
  /** The type of each parameter, as the server understands the statement. */
  describe(text: string): Promise<readonly number[]>
}
