import { errorMessage } from '../../core/errors.js'
import { ANSWER_LIMIT, ROW_LIMIT } from '../outcome.js'
import type { Column } from './decode.js'

export interface SqlResult {
  readonly columns: readonly Column[]
  /** Values in PostgreSQL's text format. */
  readonly rows: readonly (readonly (string | null)[])[]
  readonly rowCount: number
}

/** What PostgreSQL says of an error beside its message, by the names of its protocol. */
export interface SqlFaultFields {
  readonly detail?: string
  readonly hint?: string
  /** Which character of the text that was sent, from 1. */
  readonly position?: string
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly dataType?: string
  readonly constraint?: string
}

const FAULT_FIELDS = ['detail', 'hint', 'position', 'where', 'schema', 'table', 'column', 'dataType', 'constraint'] as const

/** An error that the database reported. */
export class SqlFault extends Error {
  constructor(
    message: string,
    /** SQLSTATE; empty where the connection itself failed. */
    readonly sqlState: string,
    readonly fields: SqlFaultFields = {},
  ) {
    super(message)
  }
}

/** An error of a driver as the fault that it describes. */
export function faultOf(error: unknown): SqlFault {
  if (!(error instanceof Error)) return new SqlFault(errorMessage(error), '')
  const given = new Map(Object.entries(error))
  const inner = error instanceof AggregateError ? error.errors[0] : null
  const message = error.message || (inner instanceof Error ? inner.message : 'no connection')
  // Errors of the network have codes, too: ECONNRESET is not an SQLSTATE.
  const code = String(given.get('code') ?? '')
  const fields = FAULT_FIELDS.flatMap((name) => {
    const value = given.get(name)
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  return new SqlFault(message, /^[0-9A-Z]{5}$/.test(code) && given.has('severity') ? code : '', Object.fromEntries(fields))
}

/** What a statement says while it runs: RAISE NOTICE, warnings. */
export interface SqlNotice {
  readonly severity?: string | undefined
  readonly message?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
}

/** A notice as psql shows it. */
export function noticeText({ severity, message, detail, hint }: SqlNotice): string {
  const more = `${detail ? `DETAIL: ${detail}\n` : ''}${hint ? `HINT: ${hint}\n` : ''}`
  return `${severity ?? 'NOTICE'}: ${message ?? ''}\n${more}`
}

/** The result is over a limit. */
export class SqlAnswerTooLarge extends Error {
  constructor(readonly limit: AnswerLimit) {
    super(`over the limit of ${limit}`)
  }
}

/** A limit as messages name it. */
export type AnswerLimit = typeof SIZE_LIMIT | typeof ROWS_LIMIT
export const SIZE_LIMIT = '10 MiB'
const ROWS_LIMIT = '100,000 rows'

/** Counts a result while it comes, so that no more of it than its limit is ever kept. */
export interface AnswerMeter {
  /** The limit that the result has passed with this row, or null. */
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
