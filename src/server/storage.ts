import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { createMemoryBus, createNatsBus, type StepBus } from '../bus/index.js'
import type { Config } from '../config.js'
import { errorMessage } from '../core/errors.js'
import { type Database, leaseMachine, type MachineLease, openDatabase, takeProcessLock } from '../db/index.js'
import type { Closing } from './closing.js'

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
  const onChange = (isAnswering: boolean): void => {
    if (isAnswering) logger.info('the database answers again')
    else logger.error('the database of DATABASE_URL does not answer: what asks for it is OVERLOADED until it does')
  }
  const db = await openDatabase({ ...config, onChange })
  closing.add('database', db.close)
  const machine = await leaseMachine(db, { onLost: (error) => logger.error({ err: error }, 'the machine number was lost') })
  closing.add('machine number', machine.release)
  const bus = natsUrl === null ? memoryBus(logger) : await natsBus({ ...config, natsUrl }, logger)
  closing.add('bus', bus.close)
  const isAlone = databaseUrl === null || natsUrl === null
  return { db, machine, bus, processId: isAlone ? null : `${hostname()}:${process.pid}:${randomUUID()}` }
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
