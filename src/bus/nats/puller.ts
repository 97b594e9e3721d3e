import { createInbox, type Msg } from '@nats-io/transport-node'
import type { Link } from './link.js'

/** How long the server keeps a request for messages; one that is lost is made again a little later. */
const PULL_MS = 5000
const LATE_MS = 1000
const REPAIR_MS = 250

export interface PullerOptions {
  readonly link: Link
  /** The server's subject for asking this consumer for messages. */
  readonly nextSubject: string
  readonly concurrency: number
  /** Handles one message; never rejects. */
  readonly handle: (message: Msg) => Promise<void>
  /** Gives a message back that there is no place for. */
  readonly refuse: (message: Msg) => void
  /** Makes the consumer again. */
  readonly repair: () => Promise<void>
}

export interface Puller {
  /** Resolves when no message comes any more, and those that came are handled. */
  stop(): Promise<void>
}

/** A request for messages that the server still serves. */
interface Pull {
  readonly reply: string
  /** Messages that may still come. */
  rest: number
  readonly timer: NodeJS.Timeout
}

/**
 * Asks a pull consumer for as many messages as there are free places, and never for more: a message that waited here would
 * wait while another process is idle. One request at a time; with work waiting it is served at once.
 */
export function createPuller(options: PullerOptions): Puller {
  const { link, nextSubject, concurrency, handle, refuse } = options
  const { connection } = link
  const inbox = createInbox()
  const running = new Set<Promise<void>>()
  let pull: Pull | null = null
  let serial = 0
  let isStopped = false
  let isReady = false
  const repair = createRepair(options, () => {
    isReady = true
    request()
  })

  function request(): void {
    const batch = concurrency - running.size
    if (pull !== null || batch <= 0 || isStopped || !isReady || link.fault() !== null) return
    serial += 1
    const reply = `${inbox}.${serial}`
    pull = { reply, rest: batch, timer: setTimeout(endPull, PULL_MS + LATE_MS) }
    connection.publish(nextSubject, JSON.stringify({ batch, expires: PULL_MS * 1_000_000 }), { reply })
  }

  function endPull(): void {
    if (pull === null) return
    clearTimeout(pull.timer)
    pull = null
    request()
  }

  function receive(message: Msg): void {
    if (!message.reply) return status(message)
    // A pull from before the connection was lost may be served late.
    if (isStopped || running.size >= concurrency) return refuse(message)
    const work: Promise<void> = handle(message).then(() => {
      running.delete(work)
      request()
    })
    running.add(work)
    if (pull === null) return
    pull.rest -= 1
    if (pull.rest <= 0) endPull()
  }

  /** A word of the server instead of a message: 404 and 408 end a pull as usual; after others the consumer may be gone. */
  function status(message: Msg): void {
    if (message.subject !== pull?.reply) return
    const code = message.headers?.code
    if (code !== 404 && code !== 408) stall()
    endPull()
  }

  function stall(delayMs = REPAIR_MS): void {
    isReady = false
    repair.schedule(delayMs)
  }

  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => (error === null ? receive(message) : stall()),
  })
  const unlisten = link.onChange((isUp) => {
    isReady = false
    endPull()
    if (isUp) stall(0)
  })
  stall(0)

  return {
    async stop() {
      isStopped = true
      unlisten()
      repair.cancel()
      // What is on its way is given back while the subscription drains.
      if (link.fault() === null) await subscription.drain().catch(() => undefined)
      else subscription.unsubscribe()
      endPull()
      await Promise.all(running)
    },
  }
}

/** Repairs until it succeeds, or the link is down: its return begins anew. */
function createRepair({ link, repair }: Pick<PullerOptions, 'link' | 'repair'>, done: () => void) {
  let timer: NodeJS.Timeout | null = null
  let isCancelled = false

  function schedule(delayMs: number): void {
    if (timer !== null || isCancelled) return
    timer = setTimeout(run, delayMs)
  }

  function run(): void {
    timer = null
    if (isCancelled || link.fault() !== null) return
    repair().then(
      () => {
        if (!isCancelled) done()
      },
      () => schedule(REPAIR_MS),
    )
  }

  return {
    schedule,
    cancel(): void {
      isCancelled = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
