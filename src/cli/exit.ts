import { CommanderError } from 'commander'
import { ConfigError } from '../config.js'
import { type ErrorCode, errorMessage, isTransientError, type TransientError } from '../core/errors.js'
import { isJsonObject } from '../core/json.js'
import { UnreachableError } from '../sdk/http.js'

/** What the process ends with; scripts rely on these. */
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  failedExecution: 5,
  unreachable: 6,
  failedIterations: 7,
  /** A wait ended without what was waited for. */
  timedOut: 7,
} as const

/** A wrong argument that the parser of the command line could not see. */
export class UsageError extends Error {}

/** The command did its work, and what it shows ends with this code. */
export class ExitError extends Error {
  readonly code: number

  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}

const CODES: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: EXIT.usage,
  VALIDATION: EXIT.usage,
  SCHEMA: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  CONFLICT: EXIT.conflict,
  EXECUTION_FINISHED: EXIT.conflict,
}

export function exitCode(error: unknown): number {
  if (error instanceof ExitError) return error.code
  // Commander ends with 0 after --help and --version, and with 1 for what is wrong usage.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof UnreachableError) return EXIT.unreachable
  if (isTransientError(error)) return CODES[error.code] ?? EXIT.other
  return EXIT.other
}

function problemLines(error: TransientError): string[] {
  const problems = error.details['problems']
  if (!Array.isArray(problems)) return []
  return problems
    .filter(isJsonObject)
    .map(({ line, column, severity, path, message }) =>
      line === undefined ? `  ${path === '' ? '' : `${path}: `}${message}` : `  ${line}:${column}: ${severity}: ${message}`,
    )
}

/** What stderr says about an error; '' where it was said already. */
export function exitMessage(error: unknown): string {
  if (error instanceof CommanderError) return ''
  if (error instanceof ExitError || error instanceof ConfigError) return error.message
  if (error instanceof UnreachableError) {
    return `${error.message}\nStart one with \`transient serve\` (or \`npm start\`), or name another with --url or TRANSIENT_URL`
  }
  if (isTransientError(error)) return [`${error.code}: ${error.message}`, ...problemLines(error)].join('\n')
  return errorMessage(error)
}
