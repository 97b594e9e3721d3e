import type { Logger } from 'pino'
import { createCatalogService } from '../catalog/service.js'
import { createWaits } from '../commit/waits.js'
import { type Config, hasCredential, isLoopback } from '../config.js'
import { systemClock } from '../core/clock.js'
import { createSnowflake, type ExecutionId } from '../core/ids.js'
import { createExecutionFeed } from '../executions/feed.js'
import type { VariableFilterSql } from '../executions/page-store.js'
import { createExecutionsService } from '../executions/service.js'
import { createGraphQLEndpoint } from '../graphql/endpoint.js'
import { createOrchestrator } from '../orchestrator/create.js'
import { createPlayground } from '../orchestrator/playground.js'
import { readGiven } from '../orchestrator/run/lookup.js'
import type { Services } from '../orchestrator/services.js'
import { createRotationService } from '../rotation/service.js'
import { createScheduler } from '../schedules/scheduler.js'
import { createSchedulesService } from '../schedules/service.js'
import { createKeyRing } from '../sealing/key-ring.js'
import type { AddressPolicyOptions } from '../tools/http/address-policy.js'
import { createToolbox, TOOLS, type Toolbox } from '../tools/index.js'
import { createExpiry } from '../variables/expiry/expiry.js'
import { variableFilterSql } from '../variables/filter-sql.js'
import { createRetention } from '../variables/retention/retention.js'
import { createVariablesService } from '../variables/service.js'
import { createGlobalsService } from '../variables/spaces/globals.js'
import { createReceiver } from '../webhooks/inbound/receiver.js'
import { createTriggersService } from '../webhooks/inbound/service.js'
import { openWebhooks } from '../webhooks/open.js'
import { createSecrets } from '../webhooks/secrets.js'
import { openAccess } from './access.js'
import { createApp } from './app.js'
import { type Closing, createClosing } from './closing.js'
import { createHealth, type Readiness } from './health.js'
import { watchKeysInUse } from './keys-in-use.js'
import { listen } from './listener.js'
import { createLogger } from './logger.js'
import { createMetrics } from './metrics.js'
import { bearerOf, createOriginCheck, credentialOf } from './origin-check.js'
import { openLocalDatabase, openStorage } from './storage.js'
import { createUpgrade } from './upgrade.js'

const NOT_ISOLATED =
  'python steps are not isolated: their code can read what this server can. Install bubblewrap, and let it make namespaces; PYTHON_SANDBOX=required runs none without (docs/security.md)'

const CANNOT_RUN =
  'python steps cannot run: install python3, or set PYTHON; with PYTHON_SANDBOX=required install bubblewrap, and let it make namespaces'

export interface RunningServer {
  readonly url: string
  readonly services: Services
  /** Not ready, then no more requests, then the steps that run, then the database. */
  close(): Promise<void>
}

export interface ServerOptions {
  readonly logger?: Logger
  /** Called when this process must not go on: another one took its place. */
  readonly onFatal?: (error: Error) => void
}

/**
 * Starts the whole service in this process.
 * @throws Error with what to do, when a port, a folder or a database cannot be had; nothing stays open
 */
export async function startServer(
  config: Config,
  { logger = createLogger(config.logLevel), onFatal = () => undefined }: ServerOptions = {},
): Promise<RunningServer> {
  const closing = createClosing(logger)
  try {
    return await start(config, { logger, closing, onFatal })
  } catch (error) {
    await closing.run()
    throw error
  }
}

interface Starting {
  readonly logger: Logger
  readonly closing: Closing
  readonly onFatal: (error: Error) => void
}

async function start(config: Config, { logger, closing, onFatal }: Starting): Promise<RunningServer> {
  const listener = await listen({ ...config, logger })
  closing.add('connections', listener.close)

  const local = await openLocalDatabase(config, { logger, closing, onFatal })
  const addresses = addressesOf(config, listener.port)
  const toolbox = openToolbox(config, { addresses, stepsUrl: local?.stepsUrl ?? null })
  closing.add('tools', toolbox.close)
  // Tried while the database opens; the interpreter is warm afterwards.
  const trying = toolbox.isolation()
  const { db, machine, bus, processId } = await openStorage(config, { local, logger, closing, onFatal })
  const metrics = createMetrics(db)
  const keyRing = createKeyRing(config.encryptionKeys)
  const feed = createExecutionFeed({ db, bus })
  const catalog = createCatalogService({ db, tools: TOOLS, keyRing })
  const isShared = processId !== null
  const webhooks = await openWebhooks({ db, keyRing, addresses, isShared, logger, observer: metrics.webhooks })
  closing.add('webhooks', webhooks.close)
  const { outbox } = webhooks
  const searchable = new Set(config.searchable)
  const variableFilter: VariableFilterSql = (filter, next) => variableFilterSql(filter, next, searchable)
  const waits = createWaits()
  const rules = { model: catalog.model, given: (id: ExecutionId) => readGiven({ db, keyRing }, id) }
  const variables = metrics.watched(createVariablesService({ db, bus, keyRing, feed, outbox, waits, searchable, rules }))
  const globals = createGlobalsService({ db, variables })
  const executions = createExecutionsService({ db, bus, variableFilter, feed })
  const env = config.templateEnvValues
  const orchestrator = createOrchestrator({
    ...{ db, bus, catalog, toolbox, env, logger, processId, keyRing, outbox, waits },
    clock: systemClock,
    newId: createSnowflake(machine),
    limits: config,
    leaseMs: config.leaseMs,
    concurrency: config.concurrency,
    observer: metrics.observer,
    expiry: createExpiry({ db, variables }),
    retention: createRetention({ db, historyLimit: config.historyLimit, retentionDays: config.retentionDays }),
  })
  const schedules = createSchedulesService({ db, catalog, check: orchestrator.check })
  const scheduler = createScheduler({ db, starter: orchestrator, observer: metrics.schedules, logger })
  const triggerSecrets = createSecrets({ db, keyRing, kind: 'trigger' })
  const triggers = createTriggersService({ db, catalog, secrets: triggerSecrets })
  const templates = createPlayground({ db, executions, variables, model: catalog.model, env })
  const { sessions, services } = await openAccess(config, {
    ...{ db, logger, closing },
    services: {
      ...{ variables, globals, executions, catalog, orchestrator, templates, webhooks: webhooks.service, schedules, triggers },
      rotation: createRotationService({ db, keyRing }),
    },
  })

  const readiness: Readiness = { isOpen: false }
  const originCheck = createOriginCheck({ ...config, sessions })
  const isolation = await trying
  const encryption = await watchKeysInUse({ db, keyRing, logger, closing })
  const health = createHealth({ readiness, db, bus, isolation, encryption })
  const graphql = createGraphQLEndpoint({
    report: (id, fault) => logger.error({ err: fault, errorId: id }, 'a GraphQL operation failed'),
    authorize: (request, payload) =>
      sessions.find(bearerOf(payload['authorization'] ?? payload['Authorization']) ?? credentialOf(request)),
  })
  const stopping = new AbortController()
  const app = createApp({
    ...{ sessions, originCheck, graphql, metrics, health, logger },
    receiver: createReceiver({ db, secrets: triggerSecrets, starter: orchestrator, observer: metrics.triggers }),
    corsOrigins: config.corsOrigins,
    closing: stopping.signal,
  })
  listener.open({
    fetch: app.fetch,
    upgrade: createUpgrade({ originCheck, graphql, logger }),
    close() {
      stopping.abort()
      graphql.close()
    },
  })
  await orchestrator.run()
  await webhooks.sender.start()
  closing.add('requests to webhooks', webhooks.sender.stop)
  closing.add('steps', () => orchestrator.drain())
  scheduler.start()
  closing.add('schedules', scheduler.stop)
  closing.add('requests', listener.close)
  closing.add('readiness', async () => {
    readiness.isOpen = false
  })
  readiness.isOpen = true

  if (sessions.isOpen && !isLoopback(config.host)) {
    logger.warn('ALLOW_INSECURE=1: anyone who reaches this address may run code here')
  }
  if (isolation === 'not isolated') logger.warn(NOT_ISOLATED)
  if (isolation === 'missing') logger.warn(CANNOT_RUN)
  logger.info({ node: process.version }, `listening on ${listener.url}`)
  return { url: listener.url, services, close: closing.run }
}

/** Opened before the database and closed after it: the steps that run are drained by then. */
function openToolbox(
  config: Config,
  { addresses, stepsUrl }: { addresses: AddressPolicyOptions; stepsUrl: string | null },
): Toolbox {
  const ownConnections: [string, string][] = stepsUrl === null ? [] : [['default', stepsUrl]]
  return createToolbox({
    connections: new Map([...ownConnections, ...config.connections]),
    credentials: config.credentials,
    pythonPath: config.python,
    pythonSandbox: config.pythonSandbox,
    hasPythonNetwork: config.hasPythonNetwork,
    pythonMemoryMib: config.pythonMemoryMib,
    ...addresses,
  })
}

/** What http steps and webhooks may reach. */
function addressesOf(config: Config, ownPort: number | null): AddressPolicyOptions {
  return { allowHosts: config.allowHosts, isLoopbackOpen: isLoopback(config.host) && !hasCredential(config), ownPort }
}
