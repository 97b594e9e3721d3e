import { setTimeout as sleep } from 'node:timers/promises'
import { type NatsConnection, RequestError } from '@nats-io/transport-node'
import { errorMessage, TransientError } from '../core/errors.js'
import type { BusHealth, StepBus, Stop, TaskRef } from './bus.js'
import { createConsumer } from './nats/consumer.js'
import { createNatsHints } from './nats/hints.js'
import { openLink } from './nats/link.js'
import { createNames } from './nats/names.js'
import { createStepStream, isElecting, type StepStream } from './nats/stream.js'

const PUBLISH_MS = 2000
const CONNECT_MS = 10_000
const HEALTH_MS = 1000
const RETRY_MS = 250
/** The server's code for a second message on a subject. */
const ALREADY_THERE = 10077

export interface NatsBusOptions {
  /** `nats://host:port`, several by comma. */
  readonly url: string
  /** A task whose consumer is silent this long is offered again. */
  readonly leaseMs: number
  /** Keeps installations on one NATS apart; letters, digits, _ and -. */
  readonly prefix?: string
  /** Servers of a cluster that keep each task. */
  readonly replicas?: number
  /** How long the first connection is tried, and then the stream on a cluster that has no leader yet. */
  readonly connectMs?: number
  /** Told of a handler or listener that failed, and of a connection or stream that was lost. */
  readonly onError?: (error: unknown) => void
}

/**
 * The bus of several processes: JetStream keeps the waiting tasks, core NATS carries hints (architecture.md, "The engine"). A
 * server that goes away is waited for in the background; meanwhile `ensure` fails at once and hints reach this process only.
 * @throws Error with what to do, when no server answers, or one that is too old or has no JetStream
 */
export async function createNatsBus(options: NatsBusOptions): Promise<StepBus> {
  const { url, leaseMs, prefix = '', replicas = 1, connectMs = CONNECT_MS, onError = () => undefined } = options
  const names = createNames(prefix)
  const link = await openLink({ url, connectMs, onError })
  const { connection } = link
  let stream: StepStream
  try {
    stream = await createStepStream({ connection, names, leaseMs, replicas })
    await ensureInTime(stream, connectMs)
  } catch (error) {
    await link.close()
    throw error
  }
  const hints = createNatsHints({ link, names, onError })
  const consume = createConsumer({ link, names, stream, leaseMs, onError })
  const stops = new Set<Stop>()

  return {
    async ensure(task) {
      const subject = names.task(task)
      link.check()
      if (await publish(connection, subject, task)) return
      // The stream is gone: its storage was deleted, or another server took over.
      await stream.ensureStream()
      if (!(await publish(connection, subject, task))) {
        throw new TransientError('OVERLOADED', `NATS has no stream ${names.stream} at the moment`)
      }
    },
    consume(pool, consumeOptions, handler) {
      const stop = consume(pool, consumeOptions, handler)
      const once: Stop = () => {
        stops.delete(once)
        return stop()
      }
      stops.add(once)
      return once
    },
    async withdraw(taskId) {
      const subject = names.taskInAnyPool(taskId)
      link.check()
      connection.publish(names.withdrawn(taskId))
      await stream.purge(subject)
    },
    onWithdrawn(listener) {
      const subscription = connection.subscribe(names.withdrawn('*'), {
        callback: (error, message) => {
          if (error === null) listener(names.readWithdrawn(message.subject))
        },
      })
      return () => {
        if (!subscription.isClosed()) subscription.unsubscribe()
      }
    },
    hint: hints.send,
    onHint: hints.listen,
    async health(): Promise<BusHealth> {
      const fault = link.fault()
      if (fault !== null) return { isHealthy: false, detail: fault }
      try {
        const size = await within(HEALTH_MS, stream.size())
        return { isHealthy: true, detail: `NATS ${connection.info?.version}, ${size} tasks waiting or running` }
      } catch (error) {
        return { isHealthy: false, detail: `stream ${names.stream} does not answer: ${errorMessage(error)}` }
      }
    },
    async close() {
      hints.clear()
      await Promise.all([...stops].map((stop) => stop()))
      await link.close()
    },
  }
}

/** A cluster that has just been started elects its leader first. */
async function ensureInTime(stream: StepStream, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    try {
      return await stream.ensureStream()
    } catch (error) {
      if (!isElecting(error) || performance.now() > deadline) throw error
      await sleep(RETRY_MS)
    }
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = sleep(ms, null, { ref: false }).then(() => {
    throw new Error(`no answer within ${ms} ms`)
  })
  return Promise.race([work, late])
}

interface Acknowledgement {
  readonly seq?: number
  readonly error?: { readonly err_code?: number; readonly description?: string }
}

/** Stores a task, unless it is there already. false when no stream listens. */
async function publish(connection: NatsConnection, subject: string, task: TaskRef): Promise<boolean> {
  try {
    const { seq, error } = (await connection.request(subject, task.executionId, { timeout: PUBLISH_MS })).json<Acknowledgement>()
    if (error?.err_code === ALREADY_THERE || (error === undefined && seq !== undefined)) return true
    throw new TransientError('OVERLOADED', `NATS refused task ${task.id}: ${error?.description ?? 'no reason given'}`)
  } catch (error) {
    if (error instanceof RequestError && error.isNoResponders()) return false
    throw error
  }
}
