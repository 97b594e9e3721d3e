import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSession } from '../../src/access/session.js'
import { createAuditLog } from '../../src/audit/service.js'
import { createCatalogService } from '../../src/catalog/service.js'
import { ANONYMOUS } from '../../src/core/principal.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { createKeysService } from '../../src/keys/service.js'
import { createPlayground } from '../../src/orchestrator/playground.js'
import type { Services } from '../../src/orchestrator/services.js'
import { createRestApp } from '../../src/rest/app.js'
import type { RestEnv } from '../../src/rest/context.js'
import { createRotationService } from '../../src/rotation/service.js'
import { createSchedulesService } from '../../src/schedules/service.js'
import { TOOLS } from '../../src/tools/index.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { createGlobalsService } from '../../src/variables/spaces/globals.js'
import { createTriggersService } from '../../src/webhooks/inbound/service.js'
import { createSecrets } from '../../src/webhooks/secrets.js'
import { openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { openTestWebhooks } from '../support/webhooks.js'

export interface RestServer {
  readonly url: string
  readonly services: Services
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
export async function startRest(db: Database, change: (services: Services) => Services = (same) => same): Promise<RestServer> {
  const keyRing = keyRingOf('one')
  const engine = await openEngine(db, { keyRing })
  const webhooks = await openTestWebhooks(db, keyRing)
  const executions = createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql })
  const catalog = createCatalogService({ db, tools: TOOLS })
  const services = change({
    variables: engine.variables,
    globals: createGlobalsService({ db, variables: engine.variables }),
    orchestrator: engine.orchestrator,
    catalog,
    executions,
    keys: createKeysService({ db, isConfigured: true, onChanged: async () => undefined }),
    rotation: createRotationService({ db, keyRing }),
    webhooks: webhooks.service,
    schedules: createSchedulesService({ db, catalog, check: engine.orchestrator.check }),
    triggers: createTriggersService({ db, catalog, secrets: createSecrets({ db, keyRing, kind: 'trigger' }) }),
    audit: createAuditLog({ db, days: 365, logger: { warn: () => undefined } }),
    templates: createPlayground({ db, executions, variables: engine.variables, model: catalog.model, env: {} }),
  })
  const logged: object[] = []
  const session = createSession(ANONYMOUS, { services, note: () => undefined })
  const app = new Hono<RestEnv>()
  app.use(async (context, next) => {
    context.set('session', session)
    await next()
  })
  app.route('/', createRestApp({ logger: { error: (fields) => void logged.push(fields) } }))
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
      await webhooks.close()
      await engine.close()
    },
  }
}
