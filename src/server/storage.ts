import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createMemoryBus, createNatsBus, type StepBus } from '../bus/index.js'
import type { Config } from '../config.js'
import { errorMessage, type TransientError } from '../core/errors.js'
import { type Database, leaseMachine, type MachineLease, openDatabase, takeProcessLock } from '../db/index.js'
import type { Closing } from './closing.js'

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
 * What may be shared with other processes: the database, the machine numbers, the bus.
 * @throws Error with what to do, when one cannot be had, or other processes do not go with this one
 */
export async function openStorage(config: Config, { logger, closing, onFatal }: StorageParts): Promise<Storage> {
  const { databaseUrl, natsUrl } = config
  if (databaseUrl !== null) {
    const lock = await takeProcessLock({ databaseUrl, isShared: natsUrl !== null, onLost: onFatal })
    closing.add('process lock', lock.release)
  }
  const db = await openDatabase({ ...config, ...createDatabaseLog(config, logger) })
  closing.add('database', db.close)
  const machine = await leaseMachine(db, { onLost: (error) => logger.error({ err: error }, 'the machine number was lost') })
  closing.add('machine number', machine.release)
  const bus = natsUrl === null ? memoryBus(logger) : await natsBus({ ...config, natsUrl }, logger)
  closing.add('bus', bus.close)
  const isAlone = databaseUrl === null || natsUrl === null
  return { db, machine, bus, processId: isAlone ? null : `${hostname()}:${process.pid}:${randomUUID()}` }
}

/** Says in the log what is wrong with the database, and where that is: each thing once a minute, however many ask. */
function createDatabaseLog({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>, logger: Logger) {
  const database = databaseUrl === null ? join(dataDir, 'db') : placeOf(databaseUrl)
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
      logger.info({ database }, 'the database answers again')
    },
  }
}

/** Without who may enter. */
function placeOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return 'DATABASE_URL'
  const { host, pathname } = new URL(databaseUrl)
  return `${host}${pathname}`
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
