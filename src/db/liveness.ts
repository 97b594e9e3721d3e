import { Socket } from 'node:net'
import pg from 'pg'
import { sqlState } from './errors.js'

/** What has no answer after this long makes us ask whether the database answers at all. */
const SUSPECT_MS = 500
/** How long that question may take: so many times so long, of which a busy process may miss each only once. */
const PROBE_TICKS = 20
const TICK_MS = 50
/** How often it is asked again while it does not. */
const RETRY_MS = 500

/** Says whether a PostgreSQL answers, and ends what waits for one that does not: a frozen server breaks no connection. */
export interface Liveness {
  /** For the driver: a socket that is cut when the database falls silent. */
  readonly socket: () => Socket
  /** Whether it is known to be silent: then nothing new need be asked. */
  readonly isSilent: boolean
  /** Something waits for the database now, and is told when that is silent. Answers how to say that it waits no longer. */
  began(onSilent?: (error: Error) => void): () => void
  close(): void
}

interface LivenessOptions {
  /** Of a connection of its own, which is used for nothing else. */
  readonly client: pg.ClientConfig
  /** Told when it falls silent (false), and when it answers again (true). */
  readonly onChange?: ((isAnswering: boolean) => void) | undefined
}

interface Waiting {
  readonly since: number
  readonly onSilent: ((error: Error) => void) | undefined
}

const ignore = () => undefined

/** Worded so that it is known for what it is: the connection failed, and not the statement. */
export function silence(): Error {
  return new Error('connection terminated: the database does not answer')
}

/** Asks only while something waits; a database that is slow to answer one statement, but answers another, is left alone. */
export function createLiveness({ client, onChange = () => undefined }: LivenessOptions): Liveness {
  const waiting = new Set<Waiting>()
  const sockets = new Set<Socket>()
  const probe = createProbe(client)
  let timer: NodeJS.Timeout | null = null
  let isSilent = false
  let isClosed = false

  function checkIn(ms: number): void {
    if (isClosed) return
    timer = setTimeout(() => void check(), ms).unref()
  }

  async function check(): Promise<void> {
    if (!isSilent) {
      const [oldest] = waiting
      if (oldest === undefined) {
        timer = null
        return
      }
      const age = performance.now() - oldest.since
      if (age < SUSPECT_MS) return checkIn(SUSPECT_MS - age)
    }
    const isAnswering = await probe.ask()
    if (isClosed) return
    if (isAnswering === isSilent) onChange(isAnswering)
    isSilent = !isAnswering
    if (isSilent) cut()
    checkIn(isSilent ? RETRY_MS : SUSPECT_MS)
  }

  function cut(): void {
    const error = silence()
    for (const socket of sockets) socket.destroy(error)
    for (const { onSilent } of waiting) onSilent?.(error)
  }

  return {
    get isSilent() {
      return isSilent
    },
    socket() {
      const socket = new Socket()
      sockets.add(socket)
      return socket.once('close', () => sockets.delete(socket))
    },
    began(onSilent) {
      const entry = { since: performance.now(), onSilent }
      waiting.add(entry)
      if (timer === null) {
        probe.prepare()
        checkIn(SUSPECT_MS)
      }
      return () => waiting.delete(entry)
    },
    close() {
      isClosed = true
      if (timer !== null) clearTimeout(timer)
      probe.close()
    },
  }
}

interface ProbeConnection {
  readonly client: pg.Client
  readonly socket: Socket
}

/** A connection that is only asked whether it is answered. */
function createProbe(config: pg.ClientConfig) {
  let open: ProbeConnection | null = null
  let asked: Promise<boolean> | null = null

  function forget(connection: ProbeConnection | null): void {
    // `end` would wait for an answer.
    connection?.socket.destroy()
    if (open === connection) open = null
  }

  function create(): ProbeConnection {
    const socket = new Socket()
    const connection = { socket, client: new pg.Client({ ...config, stream: () => socket }) }
    // Without a listener a connection lost between two questions would end the process.
    connection.client.on('error', ignore).once('end', () => forget(connection))
    return connection
  }

  async function answer(): Promise<boolean> {
    const known = open
    if (known !== null) {
      if (await isAnswered(known)) return true
      // Given up meanwhile, or one that broke unnoticed, which says nothing about the server: a new one does.
      if (open !== null || asked === null) return false
    }
    const made = create()
    open = made
    try {
      await made.client.connect()
      return await isAnswered(made)
    } catch (error) {
      forget(made)
      // Whoever refuses answers: too many connections, starting up, shutting down.
      return sqlState(error) !== null
    }
  }

  async function isAnswered(connection: ProbeConnection): Promise<boolean> {
    try {
      await connection.client.query('SELECT 1')
      return true
    } catch {
      forget(connection)
      return false
    }
  }

  function ask(): Promise<boolean> {
    asked ??= answer().finally(() => {
      asked = null
    })
    return asked
  }

  function close(): void {
    forget(open)
    asked = null
  }

  return {
    /** One that is open answers in one round trip. */
    prepare(): void {
      if (open === null) void ask()
    },
    async ask(): Promise<boolean> {
      const late = createDeadline()
      const isAnswering = await Promise.race([ask(), late.passed.then(() => false)])
      late.cancel()
      if (!isAnswering) close()
      return isAnswering
    },
    close,
  }
}

/** Passes after the time that this process was free to read answers: while it is busy, they wait in its sockets. */
function createDeadline(): { readonly passed: Promise<void>; cancel(): void } {
  let left = PROBE_TICKS
  const passed = new Promise<void>((resolve) => {
    const tick = (): void => {
      left -= 1
      if (left > 0) setTimeout(read, TICK_MS)
      else if (left === 0) resolve()
    }
    // What has come is read before the immediate runs.
    const read = (): void => void setImmediate(tick)
    setTimeout(read, TICK_MS)
  })
  return {
    passed,
    cancel: () => {
      left = 0
    },
  }
}
