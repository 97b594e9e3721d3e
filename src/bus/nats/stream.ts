import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import { errorMessage } from '../../core/errors.js'
import type { Names } from './names.js'

const REQUEST_MS = 2000
const MAX_WAITING_PULLS = 4096

/** Makes and asks for what lies on the server. */
export interface StepStream {
  /** Idempotent. @throws Error when the server cannot keep the stream as we need it */
  ensureStream(): Promise<void>
  /** The pull consumer of a pool, and the stream. Idempotent. */
  ensureConsumer(pool: string): Promise<void>
  /** Removes every message on a subject. */
  purge(subject: string): Promise<void>
  /** Tasks that wait or run. @throws Error when the stream does not answer */
  size(): Promise<number>
}

interface StepStreamOptions {
  readonly connection: NatsConnection
  readonly names: Names
  readonly leaseMs: number
  readonly replicas: number
}

/** The work-queue stream and its consumers, with no option newer than NATS 2.9.2. */
export async function createStepStream({ connection, names, leaseMs, replicas }: StepStreamOptions): Promise<StepStream> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_MS })
  let ensuring: Promise<void> | null = null

  async function ensureStream(): Promise<void> {
    const config = {
      name: names.stream,
      subjects: [names.allTasks],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      // A second message on a subject is refused as long as the first waits or runs: anyone may ensure blindly.
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
    }
    const info = await changing(
      () => manager.streams.add(config),
      () => manager.streams.update(names.stream, config),
    )
    const { retention, discard_new_per_subject: isPerSubject } = info.config
    if (isPerSubject !== true || retention !== RetentionPolicy.Workqueue) {
      throw new Error(`the NATS server does not support the options of stream ${names.stream}: version 2.9.2 or later is needed`)
    }
  }

  /** Many may find the stream gone at once; one makes it again. */
  function ensureStreamOnce(): Promise<void> {
    ensuring ??= ensureStream()
      .catch((error: unknown) => {
        throw new Error(`stream ${names.stream} cannot be had from NATS: ${errorMessage(error)}`, { cause: error })
      })
      .finally(() => {
        ensuring = null
      })
    return ensuring
  }

  return {
    ensureStream: ensureStreamOnce,
    async ensureConsumer(pool) {
      await ensureStreamOnce()
      await ensureConsumer({ manager, stream: names.stream, pool, filter: names.tasksOf(pool), leaseMs })
    },
    async purge(subject) {
      await manager.streams.purge(names.stream, { filter: subject })
    },
    async size() {
      const info: StreamInfo = await manager.streams.info(names.stream)
      return info.state.messages
    },
  }
}

interface ConsumerOptions {
  readonly manager: JetStreamManager
  readonly stream: string
  readonly pool: string
  readonly filter: string
  readonly leaseMs: number
}

async function ensureConsumer({ manager, stream, pool, filter, leaseMs }: ConsumerOptions): Promise<void> {
  // What may be changed later: processes with another lease time are being replaced by this one.
  const changeable = { ack_wait: nanos(leaseMs), max_deliver: -1, max_ack_pending: -1 }
  await changing(
    () =>
      manager.consumers.add(stream, {
        durable_name: pool,
        filter_subject: filter,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        max_waiting: MAX_WAITING_PULLS,
        ...changeable,
      }),
    () => manager.consumers.update(stream, pool, changeable),
  )
}

/** Makes something, or changes what is there under the same name. */
async function changing<T>(add: () => Promise<T>, update: () => Promise<T>): Promise<T> {
  try {
    return await add()
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || !EXISTS.has(error.code)) throw error
    return update()
  }
}

/** Stream name in use with another configuration; consumer name in use; consumer already exists. */
const EXISTS = new Set([10058, 10013, 10148])

/** "No suitable peers for placement": not all servers of the cluster are known yet. */
const NO_PEERS = 10005
const UNAVAILABLE = 503

/** Whether the stream cannot be had only because the cluster has no leader, or too few servers, at the moment. */
export function isElecting(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof JetStreamApiError) return cause.status === UNAVAILABLE || cause.code === NO_PEERS
  return cause instanceof Error && /timeout|no responders/i.test(`${cause.name} ${cause.message}`)
}
