import { errorMessage, TransientError } from '../core/errors.js'

/** Class 08 (connection), 57P0x (shutdown). */
const UNREACHABLE_STATES = /^(08...|57P0[1-4])$/
const UNREACHABLE_MESSAGES = /timeout exceeded when trying to connect|connection terminated|connection ended|not queryable/i
/** Of Node, as a code or within a message. */
const UNREACHABLE_NETWORK = /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN/

const AGAIN = 'try again in a moment'
/** What is wrong with the database, and not with the statement, by its SQLSTATE. */
const TROUBLES: readonly (readonly [state: RegExp, message: string])[] = [
  [/^57014$/, `the database needed too long for this; ask for less (a narrower filter, a smaller page), or ${AGAIN}`],
  [/^53100$/, 'the disk of the database is full: nothing is stored until there is room; what is there can be read'],
  [/^53200$/, `the database has no memory left; ${AGAIN}`],
  [/^53300$/, `the database takes no more connections; ${AGAIN}`],
  [/^53...$/, `the database has reached a limit of its own; ${AGAIN}`],
  [/^(58...|XX00[12])$/, 'the database cannot read or write its files: look at its disk and its log'],
  [/^25006$/, 'the database takes no writes now: it is a replica, or read-only'],
  [/^57P03$/, `the database is starting or stopping; ${AGAIN}`],
]

/** The SQLSTATE of a failed statement, however many layers wrapped it; null where there is none. */
export function sqlState(error: unknown): string | null {
  for (const layer of layers(error)) {
    const code = field(layer, 'code')
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return null
}

/** Whether a transaction lost against another and may simply run again. */
export function isSerialisationFailure(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40P01' || state === '40001'
}

/** A unique key was there already. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505'
}

/** What is wrong with the database itself becomes OVERLOADED, which clients may retry; anything else stays what it is. */
export function translateError(error: unknown): unknown {
  if (error instanceof TransientError) return error
  const message = troubleOf(error)
  return message === null ? error : new TransientError('OVERLOADED', message, { cause: error })
}

function troubleOf(error: unknown): string | null {
  const state = sqlState(error)
  const known = state === null ? undefined : TROUBLES.find(([pattern]) => pattern.test(state))
  if (known !== undefined) return known[1]
  return isUnreachable(error) ? `the database does not answer; ${AGAIN}` : null
}

/** Nobody waits for the answer any more, so that nobody is told. */
export function callerLeft(): TransientError {
  return new TransientError('OVERLOADED', 'not read to the end: whoever asked has left')
}

/** Whether it is the connection that failed, and not the statement. */
export function isUnreachable(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null) return UNREACHABLE_STATES.test(state)
  return layers(error).some((layer) => {
    const code = field(layer, 'code')
    if (typeof code === 'string' && UNREACHABLE_NETWORK.test(code)) return true
    return layer instanceof Error && (UNREACHABLE_MESSAGES.test(layer.message) || UNREACHABLE_NETWORK.test(errorMessage(layer)))
  })
}

function layers(error: unknown): unknown[] {
  const found: unknown[] = []
  for (let layer = error; layer !== undefined && layer !== null && found.length < 5; layer = field(layer, 'cause'))
    found.push(layer)
  return found
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
