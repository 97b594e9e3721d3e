import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { TransientError } from '../../core/errors.js'
import { ClientError, type ToClientError } from '../errors.js'
import {
  acceptedTypes,
  type CallerContext,
  EVENTS_TYPE,
  GRAPHQL_TYPE,
  JSON_TYPE,
  operationOfQuery,
  readOperation,
} from '../request.js'
import { eventResponse, jsonResponse, refusalOf } from '../response.js'
import { messageOf } from '../result-stream.js'

/** Reads requests and writes results of Yoga's HTTP handler as JSON that keeps every digit, or as server-sent events. */
export function useExactJson(
  toClientError: ToClientError,
): Plugin<Record<string, unknown>, CallerContext & { readonly cut?: () => void }> {
  return {
    onRequestParse({ request, setRequestParser }) {
      const read = { GET: async () => operationOfQuery(request.url), POST: readOperation }[request.method]
      if (read === undefined) return
      setRequestParser((given) =>
        read(given).catch((error: unknown) => {
          throw toClientError(error)
        }),
      )
    },
    onResultProcess({ request, result: given, serverContext, setResultProcessor }) {
      const types = acceptedTypes(request.headers.get('accept'))
      const [type] = types
      const { cut } = serverContext as { readonly cut?: () => void }
      if (isAsyncIterable(given)) return setResultProcessor(() => eventResponse(given, cut), EVENTS_TYPE)
      if (Array.isArray(given)) throw new TransientError('BAD_REQUEST', 'A batch is not accepted')
      // Yoga refuses some requests by itself.
      const result = given.errors ? { ...given, errors: given.errors.map(toClientError) } : given
      const isRefused = refusalOf(result)?.refused === 'request'
      if (type === EVENTS_TYPE && !isRefused) {
        return setResultProcessor(() => eventResponse(only(messageOf(result)), cut), EVENTS_TYPE)
      }
      const json = types.find((one) => one !== EVENTS_TYPE)
      if (json === undefined && !isRefused) return setResultProcessor(() => jsonResponse(notAcceptable()), JSON_TYPE)
      setResultProcessor(() => jsonResponse(result, json), json ?? JSON_TYPE)
    },
  }
}

async function* only<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value
}

function notAcceptable() {
  const message = `The accept header must allow ${JSON_TYPE}, ${GRAPHQL_TYPE} or ${EVENTS_TYPE}`
  return { errors: [new ClientError(message, { refused: 'request', status: 406, extensions: { code: 'BAD_REQUEST' } })] }
}
