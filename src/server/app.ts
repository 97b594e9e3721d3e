import type { HttpBindings } from '@hono/node-server'
import { Hono, type MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import type { Logger } from 'pino'
import type { Sessions } from '../access/sessions.js'
import { TransientError } from '../core/errors.js'
import type { GraphQLEndpoint } from '../graphql/endpoint.js'
import { createRestApp } from '../rest/app.js'
import { limitBody } from '../rest/body.js'
import type { RestEnv } from '../rest/context.js'
import type { TriggerReceiver } from '../webhooks/inbound/receiver.js'
import type { Health } from './health.js'
import { addHooks } from './hooks.js'
import type { Metrics } from './metrics.js'
import { credentialOf, type OriginCheck } from './origin-check.js'
import { addPages, graphiqlHeaders, isPageWanted, pageHeaders } from './pages.js'
import { refuse } from './refusal.js'

const CORS = {
  allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
  allowHeaders: [
    ...['authorization', 'content-type', 'accept', 'x-api-key'],
    ...['if-match', 'if-none-match', 'idempotency-key', 'last-event-id', 'x-graphql-event-stream-token'],
  ],
  exposeHeaders: ['etag', 'revision', 'location', 'retry-after'],
  maxAge: 600,
}

export interface AppOptions {
  readonly sessions: Sessions
  readonly corsOrigins: readonly string[]
  readonly originCheck: OriginCheck
  readonly graphql: GraphQLEndpoint
  readonly metrics: Metrics
  readonly health: Health
  /** Takes requests from outside that start executions. */
  readonly receiver: TriggerReceiver
  readonly logger: Logger
  /** Aborted when the server stops: waiting requests get their response at once. */
  readonly closing: AbortSignal
}

/** Everything that serves requests on the port: pages, GraphQL, REST, health and metrics, behind one origin check and one session. */
export function createApp(options: AppOptions): Hono<RestEnv> {
  const { originCheck, graphql, health, metrics, logger } = options
  const app = new Hono<RestEnv>()
  app.onError((error, context) => refuse(context, error, logger))
  app.notFound((context) => refuse(context, unknownPath(context.req.path), logger))

  app.use(pageHeaders)
  app.use(async ({ env }, next) => {
    originCheck.check(env.incoming)
    await next()
  })
  for (const name of ['live', 'ready'] as const) app.all(`/health/${name}`, () => health[name]())
  app.all('/health/*', ({ req }) => {
    throw unknownPath(req.path)
  })
  app.use(listedOrigins(options.corsOrigins))
  addPages(app)
  app.get('/graphql', graphiqlHeaders, (context, next) => (isPageWanted(context) ? graphql.page(context.req.raw) : next()))
  app.get('*', async (context, next) => {
    if (isPageWanted(context)) throw unknownPath(context.req.path)
    await next()
  })

  addHooks(app, options.receiver)
  app.use(async (context, next) => {
    const session = await options.sessions.authenticate(credentialOf(context.env.incoming))
    session.admit()
    context.set('session', session)
    await next()
  })
  for (const path of ['/graphql', '/graphql/stream']) {
    app.use(path, limitBody())
    app.all(path, ({ req, var: { session }, env: { outgoing } }) =>
      graphql.handle(req.raw, session, () => void outgoing.destroy()),
    )
  }
  app.get('/metrics', async ({ var: { session } }) => {
    if (!session.principal.rights.has('read')) throw new TransientError('FORBIDDEN', 'Reading the metrics needs the right "read"')
    return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } })
  })
  app.route('/', createRestApp({ logger, closing: options.closing }))
  return app
}

/** What serves requests until everything is open. */
export function createStartingApp(logger: Logger): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(pageHeaders)
  app.all('*', (context) =>
    refuse(context, new TransientError('OVERLOADED', 'The server is starting; try again in a moment'), logger),
  )
  return app
}

/** Lets pages of the listed origins read responses; without a list no page of another origin can. No cookie is a credential here, so none is asked for. */
function listedOrigins(origins: readonly string[]): MiddlewareHandler {
  const listed = cors({ ...CORS, origin: (origin) => origin })
  return (context, next) => (origins.includes(context.req.header('origin') ?? '') ? listed(context, next) : next())
}

function unknownPath(path: string): TransientError {
  return new TransientError(
    'NOT_FOUND',
    `${path.slice(0, 200)} is not a path of this server; it has /, /graphql, /api, /hooks, /health/live, /health/ready and /metrics`,
  )
}
