import { loadConfig } from '../../src/config.js'
import { type JsonObject, parseJson } from '../../src/core/json.js'
import { createLogger } from '../../src/server/logger.js'
import { type RunningServer, startServer } from '../../src/server/main.js'
import { createMigratedDatabase } from '../support/database.js'

export interface GraphQLAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly data: JsonObject | null
  readonly errors: readonly { readonly message: string; readonly extensions: JsonObject }[]
}

export interface InProcessServer extends RunningServer {
  /** Everything that was logged. */
  readonly log: () => string
  ask(query: string, variables?: string): Promise<GraphQLAnswer>
  post(body: string, headers?: Record<string, string>): Promise<GraphQLAnswer>
  /** The same in chunks: Yoga's own handler answers it. */
  postChunked(body: string, headers?: Record<string, string>): Promise<GraphQLAnswer>
}

/** The whole service in this process, on a free port and a database of its own. */
export async function startInProcess(env: Readonly<Record<string, string>> = {}): Promise<InProcessServer> {
  const database = env['DATABASE_URL'] === undefined ? await createMigratedDatabase() : null
  let log = ''
  const write = (line: string): void => {
    log += line
  }
  const logger = createLogger('info', { write })
  const server = await startServer(loadConfig({ PORT: '0', DATABASE_URL: database?.url, ...env }), { logger })

  async function send(body: string | ReadableStream, headers: Record<string, string> = {}): Promise<GraphQLAnswer> {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      duplex: 'half',
    } as RequestInit)
    const text = await response.text()
    const json = text.startsWith('{') ? (parseJson(text) as JsonObject) : {}
    return {
      status: response.status,
      headers: response.headers,
      text,
      data: (json['data'] ?? null) as JsonObject | null,
      errors: (json['errors'] ?? []) as unknown as GraphQLAnswer['errors'],
    }
  }

  const post: InProcessServer['post'] = (body, headers) => send(body, headers)

  return {
    ...server,
    log: () => log,
    post,
    postChunked: (body, headers) => send(new Blob([body]).stream(), headers),
    /** `variables` is JSON text: a test says itself which digits it sends. */
    ask: (query, variables = '{}') => post(`{"query":${JSON.stringify(query)},"variables":${variables}}`),
    async close() {
      await server.close()
      await database?.drop()
    },
  }
}

export function codesOf(answer: GraphQLAnswer): unknown[] {
  return answer.errors.map(({ extensions }) => extensions['code'])
}
