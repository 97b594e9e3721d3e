import { randomUUID } from 'node:crypto'
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import { isTransientError, type TransientError } from '../core/errors.js'

/** Told of every fault of ours, with the id that the client got. */
export type ReportFault = (id: string, fault: unknown) => void

/**
 * Errors as a client may see them: every one has `extensions.code`. What is no TransientError and no fault of the
 * request becomes INTERNAL with an id to find it in the log.
 */
export function clientErrors(errors: readonly unknown[], report: ReportFault): GraphQLFormattedError[] {
  return errors.map((error) => clientError(error, report))
}

function clientError(error: unknown, report: ReportFault): GraphQLFormattedError {
  const { locations, path } = error instanceof GraphQLError ? error : {}
  const place = { ...(locations && { locations }), ...(path && { path }) }
  const known = transientCause(error)
  if (known !== null) return { message: messageOf(error, known), ...place, extensions: { code: known.code, ...known.details } }
  if (error instanceof GraphQLError && isFaultOfRequest(error)) {
    // Whatever code Yoga or a scalar gave it: the table has one for every fault of a request.
    return { message: error.message, ...place, extensions: { code: 'BAD_REQUEST' } }
  }
  const id = randomUUID()
  report(id, error)
  const message = `An internal error. The log has it under the id ${id}; trying again may help.`
  return { message, ...place, extensions: { code: 'INTERNAL', id } }
}

/** The TransientError that an error is, or wraps. */
function transientCause(error: unknown): TransientError | null {
  if (isTransientError(error)) return error
  return error instanceof GraphQLError && error.originalError ? transientCause(error.originalError) : null
}

/** GraphQL's own words around a scalar's message say which variable or argument it was. */
function messageOf(error: unknown, known: TransientError): string {
  return error instanceof GraphQLError && error.message.includes(known.message) ? error.message : known.message
}

/** Errors that graphql-js makes of a request wrap nothing, or wrap another such error. */
function isFaultOfRequest(error: GraphQLError): boolean {
  const { originalError } = error
  return originalError === undefined || (originalError instanceof GraphQLError && isFaultOfRequest(originalError))
}
