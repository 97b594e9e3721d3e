import { useEngine } from '@envelop/core'
import { execute, parse, subscribe } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { type ToClientError, useClientErrors } from './errors.js'
import { schema } from './index.js'
import { LIMITS } from './limits.js'
import { useDocuments } from './plugins/documents.js'
import { useExactJson } from './plugins/exact-json.js'
import { usePlainSelections } from './plugins/plain-selections.js'
import { useSingleConnection } from './plugins/single-connection.js'
import { useWatchGroups } from './plugins/watch-groups.js'
import type { GraphQLServer } from './request.js'

/** The paths of GraphQL; the second is where clients of graphql-sse's single connection mode look by default. */
const ENDPOINT = '/graphql{/stream}?'

/** What GraphiQL begins with. */
const DEFAULT_QUERY = `# A server with keys wants one: write it under "Headers" below, then fetch the schema (Shift-Ctrl-R).
#
#   { "Authorization": "Bearer <key>" }

{
  me {
    name
    role
  }
}
`

/** Builds the GraphQL server. Every rule is a plugin, and so holds for every transport: HTTP, server-sent events and WebSocket. */
export function createGraphQLServer(toClientError: ToClientError): GraphQLServer {
  const parseBounded: typeof parse = (source, options) => parse(source, { ...options, maxTokens: LIMITS.tokens })
  return createYoga<Record<string, unknown>>({
    schema,
    graphqlEndpoint: ENDPOINT,
    // Plugins do it: Yoga's own would stand before every message of every subscriber.
    maskedErrors: false,
    // Documents are kept by what they take, and bodies bounded before they come here.
    parserAndValidationCache: false,
    maxRequestBodySize: false,
    multipart: false,
    cors: false,
    landingPage: false,
    logging: false,
    // Its headers, where a key stands, go along with requests only, not over a WebSocket; and they are kept nowhere.
    graphiql: { title: 'Transient', defaultQuery: DEFAULT_QUERY, subscriptionsProtocol: 'SSE', shouldPersistHeaders: false },
    // 9 MB, which need no network: loaded when the page is first asked for.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    plugins: [
      useEngine({ parse: parseBounded, execute, subscribe }),
      useDocuments(toClientError),
      useClientErrors(toClientError),
      usePlainSelections(schema),
      useWatchGroups(toClientError),
      useExactJson(toClientError),
      useSingleConnection(toClientError),
    ],
  })
}
