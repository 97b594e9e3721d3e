import { type ServerType, serve } from '@hono/node-server'
import { createCatalogService } from '../../src/catalog/service.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { createRestApp } from '../../src/rest/app.js'
import type { RestServices } from '../../src/rest/context.js'
import { TOOLS } from '../../src/tools/index.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { openEngine } from '../support/engine.js'

export interface RestServer {
  readonly url: string
  readonly services: RestServices
  readonly logged: readonly object[]
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  close(): Promise<void>
}

export interface CallOptions {
  /** Sent as it is when it is a text, else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Its numbers are JavaScript's: look at `text` for long ones. */
  readonly json: Record<string, unknown>
}

let lastId = 600_000_000_000_000_000n

/** An execution id that no other test has. */
export function newId(): string {
  lastId += 1n
  return String(lastId)
}

/** The REST app over real services, listening on a port of its own. */
export async function startRest(
  db: Database,
  change: (services: RestServices) => RestServices = (same) => same,
): Promise<RestServer> {
  const engine = await openEngine(db)
  const services = change({
    variables: engine.variables,
    orchestrator: engine.orchestrator,
    catalog: createCatalogService({ db, tools: TOOLS }),
    executions: createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql }),
  })
  const logged: object[] = []
  const app = createRestApp({ services, logger: { error: (fields) => void logged.push(fields) } })
  const server = await new Promise<ServerType>((resolve) => {
    const started: ServerType = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(started))
  })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    url,
    services,
    logged,
    async call(method, path, { body, headers = {} } = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      })
      const text = await response.text()
      const isJson = (response.headers.get('content-type') ?? '').includes('json')
      return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} }
    },
    async close() {
      await new Promise((resolve) => {
        server.close(resolve)
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
      await engine.close()
    },
  }
}
