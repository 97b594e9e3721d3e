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

/** The answer is over the limit; the connection is gone. */
export class SqlAnswerTooLarge extends Error {}

/** One connection, for one call. Every method throws `SqlFault` for what the database refuses. */
export interface SqlSession {
  query(text: string, values?: readonly (string | null)[]): Promise<SqlResult>
  /** The type of each parameter, as the server understands the statement. */
  describe(text: string): Promise<readonly number[]>
}
