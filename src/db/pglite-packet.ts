import { messages, type PGlite } from '@electric-sql/pglite'
import { errorMessage } from '../core/errors.js'

/** What travels between the server and the thread that PGlite runs on: plain data. */
export interface PgliteStatement {
  readonly text: string
  readonly parameters: readonly unknown[]
}

export interface PgliteAnswer {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
  /** Columns in their order, in PostgreSQL's own text. */
  readonly rows: readonly (readonly (string | null)[])[]
  readonly count: number
}

/** Answers a statement with texts. */
export type RunPlain = (text: string, parameters: readonly unknown[]) => Promise<PgliteAnswer>

/** A failed statement: the fields of PostgreSQL's message, or of another error its message alone. */
export interface PgliteFault {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | null
}

export interface PacketAnswer {
  /** One per statement, up to the first that failed. */
  readonly answers: readonly PgliteAnswer[]
  readonly fault: PgliteFault | null
}

/** Carries out statements one after the other; those behind one that fails are not. */
export function packetsOn(pglite: PGlite): (packet: readonly PgliteStatement[]) => Promise<PacketAnswer> {
  // For every type that it would parse: those of arrays it learns when it opens.
  const parsers = Object.fromEntries(Object.keys(pglite.parsers).map((oid) => [oid, (text: string) => text]))
  return async (packet) => {
    const answers: PgliteAnswer[] = []
    try {
      for (const { text, parameters } of packet) {
        const { fields, rows, affectedRows } = await pglite.query(text, [...parameters], { parsers, rowMode: 'array' })
        answers.push({ fields, rows: rows as unknown as PgliteAnswer['rows'], count: affectedRows ?? 0 })
      }
      return { answers, fault: null }
    } catch (error) {
      return { answers, fault: faultOf(error) }
    }
  }
}

function faultOf(error: unknown): PgliteFault {
  if (!(error instanceof messages.DatabaseError)) return { message: failureOf(error), fields: null }
  const plain = Object.entries(error).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function')
  return { message: error.message, fields: Object.fromEntries(plain) }
}

/** Whatever is no error of JavaScript's own, and what WebAssembly ends with, is the end of the engine. */
function failureOf(error: unknown): string {
  const isEnd = !(error instanceof Error) || error.name === 'RuntimeError'
  return isEnd ? `connection terminated: the embedded database has failed (${errorMessage(error)})` : errorMessage(error)
}

/** The error again, as PGlite would have thrown it. */
export function errorOf({ message, fields }: PgliteFault): Error {
  if (fields === null) return new Error(message)
  return Object.assign(new messages.DatabaseError(message, 0, 'error'), fields)
}
