import { randomUUID } from 'node:crypto'
import { GraphQLError, type GraphQLErrorOptions, type GraphQLFormattedError } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { isTransientError, type TransientError } from '../core/errors.js'

/** Called with every fault of ours, with the id that the client got. */
export type ReportFault = (id: string, fault: unknown) => void

/** What an error refuses, where nothing ran: over HTTP each has a status of its own. */
export type Refused = 'request' | 'document' | 'operation'

/** An error as a client may see it: it has `extensions.code`. */
export class ClientError extends GraphQLError {
  readonly refused: Refused
  /** HTTP status of a request that is refused. */
  readonly status: number

  constructor(message: string, { refused, status = 400, ...options }: ClientErrorOptions) {
    super(message, options)
    this.refused = refused
    this.status = status
  }

  /** The same error, of a document. */
  ofDocument(): ClientError {
    // A plugin may refuse the request whatever its document says: a mutation by GET.
    if (this.refused === 'request') return this
    return new ClientError(this.message, { ...locationOf(this), refused: 'document', extensions: this.extensions })
  }

  /** Without what Yoga notes for its own responses. */
  override toJSON(): GraphQLFormattedError {
    const { extensions, ...rest } = super.toJSON()
    const { http: _, ...shown } = extensions ?? {}
    return { ...rest, extensions: shown }
  }
}

interface ClientErrorOptions extends GraphQLErrorOptions {
  readonly refused: Refused
  readonly status?: number
}

/** Makes of anything that was thrown what a client may see. */
export type ToClientError = (error: unknown) => ClientError

/** Codes of others that clients look for: automatic persisted queries go on with the whole document at this one. */
const KNOWN_CODES: ReadonlySet<unknown> = new Set(['PERSISTED_QUERY_NOT_SUPPORTED'])

/** What is not a TransientError and no fault of the request becomes INTERNAL, with an id to find it in the log. */
export function createClientErrors(report: ReportFault): ToClientError {
  return (error) => {
    if (error instanceof ClientError) return error
    if (error instanceof GraphQLError && error.originalError instanceof ClientError) return error.originalError
    const location = error instanceof GraphQLError ? locationOf(error) : {}
    const known = transientCause(error)
    if (known !== null) {
      const refused = error === known ? 'request' : 'operation'
      const extensions = { code: known.code, ...known.details }
      return new ClientError(messageOf(error, known), { ...location, refused, status: known.status, extensions })
    }
    if (error instanceof GraphQLError && isFaultOfRequest(error)) {
      const { code, http } = error.extensions
      // Whatever code Yoga or a scalar gave it: the table has one for every fault of a request.
      const extensions = { code: KNOWN_CODES.has(code) ? code : 'BAD_REQUEST' }
      if (http?.status === undefined || http.spec)
        return new ClientError(error.message, { ...location, refused: 'operation', extensions })
      return new ClientError(error.message, { ...location, refused: 'request', status: http.status, extensions })
    }
    const id = randomUUID()
    report(id, error)
    const message = `An internal error. The log has it under the id ${id}; trying again may help.`
    return new ClientError(message, { ...location, refused: 'request', status: 500, extensions: { code: 'INTERNAL', id } })
  }
}

function locationOf({ nodes, source, positions, path }: GraphQLError): GraphQLErrorOptions {
  return { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null }
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

/** Gives the errors of results their codes, and hides what clients may not see. Those of subscriptions: `watch-groups.ts`. */
export function useClientErrors(toClientError: ToClientError): Plugin {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (isAsyncIterable(result) || !result.errors) return
        setResult({ ...result, errors: result.errors.map(toClientError) })
      },
    }),
  }
}
