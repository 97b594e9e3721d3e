import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect, type NatsConnection, type ServerInfo } from '@nats-io/transport-node'
import { errorMessage, TransientError } from '../../core/errors.js'

/** The oldest server that knows every option we use. */
const OLDEST_VERSION = [2, 9, 2] as const
const RETRY_MS = 250
/** A server that is silent for three of these is taken for dead. */
const PING_MS = 2000

/** A connection that comes back for ever. */
export interface Link {
  readonly connection: NatsConnection
  /** null while it works; else what is wrong. */
  fault(): string | null
  /** @throws TransientError OVERLOADED while there is no connection: nothing is queued for a server that is away */
  check(): void
  /** Called after every loss of the connection, and after every return. */
  onChange(listener: (isUp: boolean) => void): () => void
  close(): Promise<void>
}

export interface LinkOptions {
  /** One or more servers, by comma. */
  readonly url: string
  /** How long the first connection is tried. */
  readonly connectMs: number
  readonly onError: (error: unknown) => void
}

/**
 * Connects, and reconnects for ever.
 * @throws Error with what to do, when no server answers in time, or one that is too old or has no JetStream
 */
export async function openLink({ url, connectMs, onError }: LinkOptions): Promise<Link> {
  const connection = await connectInTime(url, connectMs)
  const refused = unsupported(connection.info)
  if (refused !== null) {
    await connection.close()
    throw new Error(refused)
  }
  let fault: string | null = null
  const listeners = new Set<(isUp: boolean) => void>()

  function change(next: string | null): void {
    if (next !== null && next !== fault) onError(new Error(next))
    fault = next
    for (const listener of listeners) listener(next === null)
  }

  async function follow(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') change('the connection to NATS is lost; it is tried again until it works')
      if (status.type === 'reconnect') change(unsupported(connection.info))
    }
  }
  follow().catch(onError)

  return {
    connection,
    fault: () => (connection.isClosed() ? 'closed' : fault),
    check() {
      const wrong = connection.isClosed() ? 'the bus is closed' : fault
      if (wrong !== null) throw new TransientError('OVERLOADED', wrong)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      const graceful = fault === null ? connection.drain() : connection.close()
      await Promise.race([graceful.catch(() => undefined), sleep(1000, undefined, { ref: false })])
      if (!connection.isClosed()) await connection.close()
    },
  }
}

async function connectInTime(url: string, connectMs: number): Promise<NatsConnection> {
  const options = connectionOptions(url)
  const deadline = performance.now() + connectMs
  for (;;) {
    try {
      return await connect(options)
    } catch (error) {
      if (performance.now() < deadline) await sleep(RETRY_MS)
      else
        throw new Error(
          `NATS does not answer at ${String(options.servers)} (${errorMessage(error)}): start it, or correct or unset NATS_URL`,
        )
    }
  }
}

/** The client library takes no credentials from URLs; `nats://token@host` and `nats://user:password@host` are the usual ways. */
function connectionOptions(text: string): ConnectionOptions {
  const urls = text.split(',').map((part) => new URL(part.trim()))
  const first = urls.find(({ username }) => username !== '')
  const user = first && decodeURIComponent(first.username)
  const pass = first && decodeURIComponent(first.password)
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
    ...(user === undefined ? {} : pass ? { user, pass } : { token: user }),
    ...(urls.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
    name: 'transient',
    // The bus tells its own process itself, also while NATS is away.
    noEcho: true,
    timeout: 3000,
    pingInterval: PING_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    // A server that refuses us for a moment (its accounts are reloaded) must not end the bus.
    ignoreAuthErrorAbort: true,
  }
}

function unsupported(info: ServerInfo | undefined): string | null {
  const version = info?.version ?? '0.0.0'
  const oldest = OLDEST_VERSION.join('.')
  if (!isAtLeast(version, OLDEST_VERSION)) return `NATS ${version} is too old: version ${oldest} or later is needed`
  if (info?.jetstream === true) return null
  return `NATS ${version} runs without JetStream, which keeps the waiting tasks: start it with -js`
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number)
  for (const [index, least] of oldest.entries()) {
    const part = parts[index] ?? 0
    if (part !== least) return part > least
  }
  return true
}
