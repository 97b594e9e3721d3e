import type { AnswerLimit, SqlFaultFields, SqlNotice, SqlResult } from './session.js'

/** What the main thread asks of the thread with the embedded database. */
export interface EmbeddedRequest {
  readonly id: number
  readonly operation: 'query' | 'describe'
  readonly text: string
  readonly values: readonly (string | null)[]
}

export interface EmbeddedFault {
  readonly message: string
  readonly sqlState: string
  readonly fields: SqlFaultFields
}

export type EmbeddedAnswer =
  | { readonly id: number; readonly result: SqlResult }
  | { readonly id: number; readonly types: readonly number[] }
  | { readonly id: number; readonly exceeded: AnswerLimit }
  /** The database is open, or failed to open: from now on the thread may be ended. */
  | { readonly isReady: true }
  | { readonly id: number; readonly fault: EmbeddedFault }
  /** Said while a request is answered. */
  | { readonly notice: SqlNotice }
