import type { Msg } from '@nats-io/transport-node'
import type { ConsumeOptions, Stop, TaskRef } from '../bus.js'
import type { Link } from './link.js'
import type { Names } from './names.js'
import { createPuller } from './puller.js'
import type { StepStream } from './stream.js'

const RETRY_MS = 1000

export interface ConsumerParts {
  readonly link: Link
  readonly names: Names
  readonly stream: StepStream
  readonly leaseMs: number
  readonly onError: (error: unknown) => void
}

/** The consumer of a pool in this process: acknowledges after the handler, and says meanwhile that the task is alive. */
export function createConsumer({ link, names, stream, leaseMs, onError }: ConsumerParts) {
  /** Running tasks with their latest delivery: a task that came twice is still run once here. */
  const deliveries = new Map<string, Msg>()

  function answer(id: string, text: string): void {
    const message = deliveries.get(id)
    if (message && link.fault() === null) message.respond(text)
  }

  async function handle(message: Msg, handler: (task: TaskRef) => Promise<void>): Promise<void> {
    const { id, pool } = names.readTask(message.subject)
    const isRunning = deliveries.has(id)
    deliveries.set(id, message)
    if (isRunning) return
    const alive = setInterval(() => answer(id, '+WPI'), leaseMs / 3)
    try {
      await handler({ id, executionId: message.string(), pool })
      answer(id, '+ACK')
    } catch (error) {
      onError(error)
      answer(id, negative(RETRY_MS))
    } finally {
      clearInterval(alive)
      deliveries.delete(id)
    }
  }

  return (pool: string, { concurrency }: ConsumeOptions, handler: (task: TaskRef) => Promise<void>): Stop => {
    const puller = createPuller({
      link,
      nextSubject: `$JS.API.CONSUMER.MSG.NEXT.${names.stream}.${pool}`,
      concurrency,
      handle: (message) => handle(message, handler),
      refuse: (message) => void message.respond(negative(0)),
      async repair() {
        try {
          await stream.ensureConsumer(pool)
        } catch (error) {
          if (link.fault() === null) onError(error)
          throw error
        }
      },
    })
    return puller.stop
  }
}

/** Offer it again, after a while. */
function negative(delayMs: number): string {
  return delayMs === 0 ? '-NAK' : `-NAK ${JSON.stringify({ delay: delayMs * 1_000_000 })}`
}
