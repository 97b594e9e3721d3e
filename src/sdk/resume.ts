import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, jitteredDelayMs } from '../core/backoff.js'
import { linkSignals } from '../core/linked-signal.js'
import { UnreachableError } from './http.js'
import { isRetryable } from './retry-delay.js'

/** So that a restarted server is not met by all its readers at once. */
const BACKOFF: Backoff = { initialDelayMs: 500, backoffMultiplier: 2, maxDelayMs: 30_000 }

export interface Connection<T> {
  /** The server, for messages. */
  readonly url: string
  /** Opens one connection; returns true when the stream is complete and false when it merely broke off. */
  readonly connect: (signal: AbortSignal, onAlive: () => void) => AsyncGenerator<T, boolean>
  readonly signal?: AbortSignal | undefined
  /** A connection that is silent for longer counts as dead. */
  readonly idleMs: number
  /** Called before each wait for the next connection. */
  readonly onDisconnect?: ((reason: unknown, delayMs: number) => void) | undefined
}

/** Between 0.25 and 30 s: doubling, of which a random half, so that a restarted server is not met by all its readers at once. */
export function reconnectDelayMs(failures: number): number {
  return jitteredDelayMs(BACKOFF, failures)
}

/**
 * The messages of one connection after another, until the stream is complete or the signal aborts. Nothing of a dead
 * connection is handed on once the next one is open. The first connection of all must succeed.
 * @throws what the first connection throws, and any error that trying again cannot cure
 */
export async function* resuming<T>(connection: Connection<T>): AsyncGenerator<T, void, undefined> {
  const { url, connect, signal, idleMs, onDisconnect } = connection
  let hasConnected = false
  let failures = 0
  while (!signal?.aborted) {
    let reason: unknown = new Error('the connection ended')
    const link = linkSignals([signal])
    const watchdog = createWatchdog(idleMs, () =>
      link.abort(new UnreachableError(url, null, `nothing was received from ${url} for ${idleMs / 1000} s`)),
    )
    const messages = connect(link.signal, watchdog.start)
    try {
      for (;;) {
        watchdog.start()
        const next = await messages.next()
        // The time that our reader takes is no silence of the connection.
        watchdog.stop()
        if (next.done) {
          if (next.value) return
          break
        }
        hasConnected = true
        failures = 0
        yield next.value
      }
    } catch (error) {
      if (signal?.aborted) return
      if (!hasConnected || !isRetryable(error)) throw error
      reason = error
    } finally {
      link.abort()
      // Where our reader stopped between two messages, nobody else ends the connection.
      await messages.return(false)
      watchdog.stop()
    }
    failures += 1
    const delayMs = reconnectDelayMs(failures)
    onDisconnect?.(reason, delayMs)
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  }
}

/** Calls `onSilence` when `start` was not called for that long. A timer that was cleared cannot be refreshed: each start makes its own. */
function createWatchdog(ms: number, onSilence: () => void): { start(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      clearTimeout(timer)
      timer = setTimeout(onSilence, ms)
    },
    stop() {
      clearTimeout(timer)
    },
  }
}
