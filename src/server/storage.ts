import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { createMemoryBus, createNatsBus, type StepBus } from '../bus/index.js'
import type { Config } from '../config.js'
import { errorMessage, type TransientError } from '../core/errors.js'
import type { Database } from '../db/database.js'
import { type LocalPostgres, startLocalPostgres } from '../db/local/local-postgres.js'
import { leaseMachine, type MachineLease } from '../db/machine.js'
import { openDatabase } from '../db/open.js'
import { takeProcessLock } from '../db/process-lock.js'
import type { Closing } from './closing.js'
import { keepSearchable } from './searchable.js'

/** How often the log repeats the same trouble. */
const TROUBLE_MS = 60_000

export interface Storage {
  readonly db: Database
  readonly machine: MachineLease
  readonly bus: StepBus
  /** Names this process among several; null when it is the only one on its database. */
  readonly processId: string | null
}

interface StorageParts {
  readonly logger: Logger
  readonly closing: Closing
  /** What happened after the start that this process must not survive. */
  readonly onFatal: (error: Error) => void
}

/**
 * PostgreSQL in `DATA_DIR`, where the settings name none that runs elsewhere; else null.
 * @throws Error with what to do, when it cannot be started there
 */
export async function openLocalDatabase(
  config: Config,
  { logger, closing, onFatal }: StorageParts,
): Promise<LocalPostgres | null> {
  if (config.databaseUrl !== null) return null
  const log = { info: (message: string) => logger.info(message), warn: (message: string) => logger.warn(message) }
  const local = await startLocalPostgres({ dataDir: resolve(config.dataDir), log, onLost: onFatal })
  closing.add('local database', local.close)
  return local
}

/**
 * What may be shared with other processes: the database, the machine numbers, the bus.
 * @throws Error with what to do, when one cannot be had, or other processes do not go with this one
 */
export async function openStorage(
  config: Config,
  { local, logger, closing, onFatal }: StorageParts & { readonly local: LocalPostgres | null },
): Promise<Storage> {
  const { natsUrl } = config
  const databaseUrl = local?.url ?? config.databaseUrl ?? ''
  const isAlone = local !== null || natsUrl === null
  const lock = await takeProcessLock({ databaseUrl, isShared: !isAlone, onLost: onFatal })
  closing.add('process lock', lock.release)
  const log = createDatabaseLog(config, logger)
  const db = await openDatabase(databaseUrl, { ...log, refusal: local?.refusal })
  closing.add('database', db.close)
  keepSearchable({ db, databaseUrl, names: config.searchable, logger, closing })
  await reportDatabase(db, { isLocal: local !== null, logger })
  const machine = await leaseMachine(db, { onLost: (error) => logger.error({ err: error }, 'the machine number was lost') })
  closing.add('machine number', machine.release)
  const bus = natsUrl === null ? memoryBus(logger) : await natsBus({ ...config, natsUrl }, logger)
  closing.add('bus', bus.close)
  return { db, machine, bus, processId: isAlone ? null : `${hostname()}:${process.pid}:${randomUUID()}` }
}

/** Says in the log what is wrong with the database, and where that is: each thing once a minute, however many ask. */
function createDatabaseLog({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>, logger: Logger) {
  const database = databaseUrl === null ? join(dataDir, 'postgres') : placeOf(databaseUrl)
  const told = new Map<string, number>()
  return {
    onTrouble({ message, cause }: TransientError): void {
      const now = performance.now()
      if (now - (told.get(message) ?? Number.NEGATIVE_INFINITY) < TROUBLE_MS) return
      told.set(message, now)
      logger.error({ database, reason: errorMessage(cause) }, message)
    },
    onChange(isAnswering: boolean): void {
      if (!isAnswering) return
      told.clear()
      logger.info({ database }, 'the database responds again')
    },
  }
}

/** Without who may enter. */
function placeOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return 'DATABASE_URL'
  const { host, pathname } = new URL(databaseUrl)
  return `${host}${pathname}`
}

/** Says what runs, and warns where what is acknowledged may be lost when the power fails. */
async function reportDatabase(
  db: Database,
  { isLocal, logger }: { readonly isLocal: boolean; readonly logger: Logger },
): Promise<void> {
  const [found] = await db.rows<{ readonly version: string; readonly off: string }>(
    `SELECT current_setting('server_version') AS version,
       (SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') FROM pg_settings
        WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off') AS off`,
  )
  const { version = '', off = '' } = found ?? {}
  const database = isLocal ? `PostgreSQL ${version} in DATA_DIR` : `PostgreSQL ${version} of DATABASE_URL`
  if (off === '') logger.info({ database, flushed: true }, 'the database is open; what is acknowledged is flushed to its disk')
  else
    logger.warn(
      { database, flushed: false, off },
      `the database runs with ${off} off: what is acknowledged may be lost when its machine fails`,
    )
}

function memoryBus(logger: Logger): StepBus {
  return createMemoryBus({ onError: (error) => logger.error({ err: error }, 'a handler of the bus failed') })
}

function natsBus({ natsUrl, natsPrefix, natsReplicas, leaseMs }: Config & { natsUrl: string }, logger: Logger): Promise<StepBus> {
  return createNatsBus({
    url: natsUrl,
    prefix: natsPrefix,
    replicas: natsReplicas,
    leaseMs,
    onError: (error) => logger.warn({ reason: errorMessage(error) }, 'the bus'),
  })
}
