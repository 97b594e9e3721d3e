import { Hono } from 'hono'
import type { RestEnv, RestLogger, RestServices } from './context.js'
import { answerUnknownPath, createErrorHandler } from './problem.js'
import { addExecutionsRoutes } from './routes/executions.js'
import { addPlaybooksRoutes } from './routes/playbooks.js'
import { addTasksRoutes } from './routes/tasks.js'
import { addVarsRoutes } from './routes/vars.js'
import { addEventsRoute, createPoll } from './routes/watch.js'

export interface RestOptions {
  readonly services: RestServices
  readonly logger: RestLogger
  /** Aborted when the server stops: who waits is answered at once. */
  readonly closing?: AbortSignal
}

/**
 * Everything under `/api`, with its own answers to unknown paths, other methods and errors (contract.md, "REST").
 * Mount it at the root: its paths begin with `/api`.
 */
export function createRestApp({ services, logger, closing }: RestOptions): Hono<RestEnv> {
  const app = new Hono<RestEnv>()
  app.onError(createErrorHandler(logger))
  app.notFound(answerUnknownPath)
  addEventsRoute(app, services, logger)
  addVarsRoutes(app, services, createPoll(services, closing))
  addPlaybooksRoutes(app, services)
  addExecutionsRoutes(app, services)
  addTasksRoutes(app, services)
  // A mounted app's `notFound` is not asked: this route is.
  app.all('/api/*', answerUnknownPath)
  return app
}
