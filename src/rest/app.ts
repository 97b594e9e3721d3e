import { Hono } from 'hono'
import { limitBody } from './body.js'
import type { RestEnv, RestLogger } from './context.js'
import { answerUnknownPath, createErrorHandler } from './problem.js'
import { addAccessRoutes } from './routes/access.js'
import { addExecutionsRoutes } from './routes/executions.js'
import { addPlaybooksRoutes } from './routes/playbooks.js'
import { addSchedulesRoutes } from './routes/schedules.js'
import { addTasksRoutes } from './routes/tasks.js'
import { createUntil } from './routes/until.js'
import { addVarsRoutes } from './routes/vars.js'
import { addEventsRoute, createPoll } from './routes/watch.js'
import { addWebhooksRoutes } from './routes/webhooks.js'

export interface RestOptions {
  readonly logger: RestLogger
  /** Aborted when the server stops: waiting requests get their response at once. */
  readonly closing?: AbortSignal
}

/**
 * Everything under `/api`, with its own responses to unknown paths, other methods and errors.
 * Mount it at the root: its paths begin with `/api`.
 */
export function createRestApp({ logger, closing }: RestOptions): Hono<RestEnv> {
  const app = new Hono<RestEnv>()
  app.onError(createErrorHandler(logger))
  app.notFound(answerUnknownPath)
  app.use('/api/*', limitBody())
  addEventsRoute(app, logger)
  addVarsRoutes(app, { poll: createPoll(closing), until: createUntil(closing) })
  addPlaybooksRoutes(app)
  addExecutionsRoutes(app)
  addTasksRoutes(app, logger)
  addAccessRoutes(app)
  addWebhooksRoutes(app)
  addSchedulesRoutes(app)
  // A mounted app's `notFound` is not asked: this route is.
  app.all('/api/*', answerUnknownPath)
  return app
}
