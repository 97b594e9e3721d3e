import { TransientError } from '../core/errors.js'

/** How Prisma's driver adapters name a failure of the connection itself. */
const UNREACHABLE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'TooManyConnections',
  'SocketTimeout',
  'TlsConnectionError',
])
const UNREACHABLE_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'])
/** Class 08 (connection), 53 (resources), 57P0x (shutdown). */
const UNREACHABLE_STATES = /^(08...|53...|57P0[1-4])$/
const UNREACHABLE_MESSAGES =
  /timeout exceeded when trying to connect|connection terminated|connection ended|not queryable|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN/i

/** By its time limit, or by a cancel request. */
const QUERY_CANCELED = '57014'

interface DriverCause {
  readonly originalCode?: string
  readonly kind?: string
}

/** The SQLSTATE of a failed statement, however many layers wrapped it; null where there is none. */
export function sqlState(error: unknown): string | null {
  for (const layer of layers(error)) {
    const { originalCode } = driverCause(layer)
    if (originalCode !== undefined) return originalCode
    const code = field(layer, 'code')
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^P\d{4}$/.test(code)) return code
  }
  return null
}

/** Whether a transaction lost against another and may simply run again. */
export function isSerialisationFailure(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40P01' || state === '40001' || field(error, 'code') === 'P2034'
}

/** A unique key was there already. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505'
}

/** A failure of the connection, or a statement that took too long, becomes OVERLOADED, which clients may retry; anything else stays what it is. */
export function translateError(error: unknown): unknown {
  if (error instanceof TransientError) return error
  if (sqlState(error) === QUERY_CANCELED) {
    const message =
      'the database needed too long for this; ask for less (a narrower filter, a smaller page), or try again in a moment'
    return new TransientError('OVERLOADED', message, { cause: error })
  }
  if (!isUnreachable(error)) return error
  return new TransientError('OVERLOADED', 'the database does not answer; try again in a moment', { cause: error })
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
    if (typeof code === 'string' && UNREACHABLE_CODES.has(code)) return true
    const { kind } = driverCause(layer)
    if (kind !== undefined && UNREACHABLE_KINDS.has(kind)) return true
    return layer instanceof Error && UNREACHABLE_MESSAGES.test(layer.message)
  })
}

function layers(error: unknown): unknown[] {
  const found: unknown[] = []
  for (let layer = error; layer !== undefined && layer !== null && found.length < 5; layer = field(layer, 'cause'))
    found.push(layer)
  return found
}

/** What the driver adapter said: inside Prisma's error, or (a failed BEGIN or COMMIT) as it is. */
function driverCause(layer: unknown): DriverCause {
  const cause = field(field(field(layer, 'meta'), 'driverAdapterError'), 'cause') ?? layer
  const originalCode = field(cause, 'originalCode')
  const kind = field(cause, 'kind')
  return {
    ...(typeof originalCode === 'string' ? { originalCode } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
