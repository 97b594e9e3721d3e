import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { createWatchGroups } from '../../variables/watch/watch-groups.js'
import type { ToClientError } from '../errors.js'
import { groupOf } from '../group-key.js'
import { ALWAYS_THERE, type GraphQLContext } from '../request.js'
import {
  failedStream,
  iterateMessages,
  type ResultMessage,
  type ResultStream,
  streamResults,
  type WatchPosition,
} from '../result-stream.js'
import { isStream } from '../subscription.js'

/**
 * Subscriptions that say the same are read, executed and serialised once, for all who have come equally far. What they give is
 * serialised already: a stream of `ResultMessage`.
 */
export function useWatchGroups(toClientError: ToClientError): Plugin<GraphQLContext> {
  const groups = createWatchGroups<ResultMessage>()

  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) {
      const { params, session, takesEvents } = args.contextValue
      const operation = getOperationAST(args.document, args.operationName)
      if (takesEvents === false) return setResultAndStopExecution({ errors: [toClientError(notAcceptable())] })

      async function open(given: ExecutionArgs, own: Partial<GraphQLContext> & { position: WatchPosition }): Promise<Opened> {
        const contextValue = { ...(given.contextValue as GraphQLContext), ...own }
        const results: unknown = await subscribeFn({ ...given, contextValue })
        if (isStream<ExecutionResult>(results))
          return { stream: streamResults({ results, position: own.position, toClientError }) }
        const { errors = [] } = results as ExecutionResult
        return { refused: { errors: errors.map(toClientError) } }
      }

      async function reopen(given: ExecutionArgs, after: number): Promise<ResultStream> {
        const position = { after, event: null }
        try {
          const opened = await open(given, { position, signal: ALWAYS_THERE })
          return opened.stream ?? failedStream(toClientError(opened.refused.errors?.[0]), after)
        } catch (error) {
          return failedStream(toClientError(error), after)
        }
      }

      setSubscribeFn(async (given: ExecutionArgs) => {
        const opened = await open(given, { position: { after: null, event: null } })
        if (opened.stream === undefined) return opened.refused
        const group = operation && groupOf({ request: params, operation, viewer: session.id })
        if (!group) return iterateMessages(opened.stream)
        return iterateMessages(groups.watch({ ...group, own: opened.stream, open: (after) => reopen(given, after) }))
      })
    },
  }
}

type Opened =
  | { readonly stream: ResultStream; readonly refused?: never }
  | { readonly refused: ExecutionResult; readonly stream?: never }

function notAcceptable(): GraphQLError {
  return new GraphQLError('The accept header must allow text/event-stream, or subscribe over a WebSocket', {
    extensions: { http: { status: 406 } },
  })
}
