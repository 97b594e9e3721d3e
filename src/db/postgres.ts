import { LRUCache } from 'lru-cache'
import pg from 'pg'
import { UndecidedCommit } from '../core/errors.js'
import { assembleDatabase, type OnTrouble } from './assemble.js'
import { cancelStatement } from './cancel.js'
import type { Database } from './database.js'
import { callerLeft, isUnreachable } from './errors.js'
import { createLiveness, type Liveness, silence } from './liveness.js'
import { type RowForm, type RunStatement, type Session, statementsOn } from './packet.js'

/** Prisma's client has others for every length of a list: they must not take the names of ours. */
const MAX_NAMED_STATEMENTS = { ours: 500, prisma: 200 }
const NAMED_AT = 3
const CONNECT_TIMEOUT_MS = 15_000
/**
 * UTC, because Prisma's adapter takes every timestamp for UTC; generic plans, because planning costs more than our
 * statements, and none of them runs long enough to be worth compiling; pages cost much the same wherever they are, on today's disks, so that small
 * tables, too, are looked into by their indexes: such a plan stays good when they grow; a transaction that was left open loses its locks. READ
 * COMMITTED, whatever a database or a role has for its default: whoever waited for a lock must see what was written meanwhile.
 */
const SESSION_OPTIONS =
  '-c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c random_page_cost=1.1 -c jit=off -c idle_in_transaction_session_timeout=120s -c default_transaction_isolation=read\\ committed'

/** What one statement may take, and how many run at once. Reads whose cost a caller decides leave the other connections to everybody. */
const WORK = { connections: 16, options: `${SESSION_OPTIONS} -c statement_timeout=30s` }
const READS = { connections: 8, options: `${SESSION_OPTIONS} -c statement_timeout=10s -c default_transaction_read_only=on` }

const ignore = () => undefined

export interface PostgresOptions {
  readonly onTrouble?: OnTrouble | undefined
  /** Told when the database has fallen silent (false), and when it answers again (true). */
  readonly onChange?: ((isAnswering: boolean) => void) | undefined
  /** See `Database`; without it everything may be written. */
  readonly refusal?: Database['refusal'] | undefined
}

/** Opens PostgreSQL. Nothing connects before the first statement. */
export function createPostgresDatabase(
  databaseUrl: string,
  { onChange, onTrouble, refusal = () => null }: PostgresOptions = {},
): Database {
  const liveness = createLiveness({
    client: { connectionString: databaseUrl, keepAlive: true, application_name: 'transient liveness' },
    onChange,
  })
  const work = openPool(databaseUrl, { ...WORK, liveness })
  const reads = openPool(databaseUrl, { ...READS, liveness })
  const connection = createConnections(work, { liveness, prefix: 's' })
  const readConnection = createConnections(reads, { liveness, prefix: 'r' })
  const sessionFailingWith =
    (failure: (error: unknown) => unknown): Session =>
    async (work) => {
      const { run, release } = await connection()
      try {
        const answer = await work(run)
        release()
        return answer
      } catch (error) {
        release(isUnreachable(error))
        throw failure(error)
      }
    }

  return assembleDatabase({
    onTrouble,
    plain: sessionFailingWith((error) => error),
    alone: sessionFailingWith(undecidedWithoutAnswer),
    reading: (signal) => async (work) => {
      if (signal?.aborted) throw callerLeft()
      const { run, release, cancel } = await readConnection()
      let isLeft = signal?.aborted === true
      const leave = () => {
        isLeft = true
        cancel()
      }
      try {
        if (isLeft) throw callerLeft()
        signal?.addEventListener('abort', leave, { once: true })
        const answer = await work((...statement) => (isLeft ? Promise.reject(callerLeft()) : run(...statement)))
        release(isLeft)
        return answer
      } catch (error) {
        release(isLeft || isUnreachable(error))
        throw isLeft ? callerLeft() : error
      } finally {
        signal?.removeEventListener('abort', leave)
      }
    },
    transact: async (work) => {
      const { run, release } = await connection()
      try {
        const answer = await inTransaction(run, work)
        release()
        return answer
      } catch (error) {
        // A connection on which even that fails is given up.
        await run('ROLLBACK', []).then(
          () => release(),
          () => release(true),
        )
        throw error
      }
    },
    async close() {
      await Promise.all([work.end(), reads.end()])
      liveness.close()
    },
    refusal,
  })
}

interface PoolParts {
  readonly connections: number
  readonly options: string
  readonly liveness: Liveness
}

function openPool(databaseUrl: string, { connections, options, liveness }: PoolParts): pg.Pool {
  const pool = new pg.Pool({
    connectionString: withSessionOptions(databaseUrl, options),
    options,
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    stream: liveness.socket,
  })
  // A connection that the server ends fails the statements on it; without listeners it would end the process, too.
  pool.on('error', ignore)
  pool.on('connect', (client) => client.on('error', ignore))
  // Whoever has a connection waits for its answers.
  const inUse = new WeakMap<pg.PoolClient, () => void>()
  pool.on('acquire', (client) => inUse.set(client, liveness.began()))
  pool.on('release', (_error, client) => inUse.get(client)?.())
  return pool
}

interface Connection {
  readonly run: RunStatement
  release(isBroken?: boolean): void
  /** Ends what runs on it; it is to be released as broken. */
  cancel(): void
}

interface ConnectionParts {
  readonly liveness: Liveness
  readonly prefix: string
}

/** Takes connections from a pool, each with what it has prepared. */
function createConnections(pool: pg.Pool, { liveness, prefix }: ConnectionParts): () => Promise<Connection> {
  const names = {
    ours: createStatementNames(prefix, MAX_NAMED_STATEMENTS.ours),
    prisma: createStatementNames(`${prefix}p`, MAX_NAMED_STATEMENTS.prisma),
  }
  const nameOf = (text: string, form?: RowForm) => (form === 'prisma' ? names.prisma : names.ours)(text)
  const known = new WeakMap<pg.PoolClient, RunStatement>()
  return async () => {
    const client = await takeClient(pool, liveness)
    const run = known.get(client) ?? statementsOn(client, nameOf)
    known.set(client, run)
    return { run, release: (isBroken = false) => client.release(isBroken), cancel: () => cancelStatement(client) }
  }
}

/** A connection from the pool; one that comes after the database fell silent goes back unused. */
function takeClient(pool: pg.Pool, liveness: Liveness): Promise<pg.PoolClient> {
  if (liveness.isSilent) return Promise.reject(silence())
  return new Promise((resolve, reject) => {
    let isRefused = false
    const ended = liveness.began((error) => {
      isRefused = true
      reject(error)
    })
    pool.connect((error, client) => {
      ended()
      if (client === undefined) reject(error)
      else if (isRefused) client.release()
      else resolve(client)
    })
  })
}

/** `options` in a URL would replace ours, so ours are added to them. */
function withSessionOptions(databaseUrl: string, options: string): string {
  if (!URL.canParse(databaseUrl)) return databaseUrl
  const url = new URL(databaseUrl)
  const given = url.searchParams.get('options')
  if (given !== null) url.searchParams.set('options', `${given} ${options}`)
  return url.toString()
}

/**
 * Names for server-side prepared statements. A text gets one when it comes for the third time, so that texts that callers' filters and page
 * sizes make once do not take the names of those that come all the time; beyond the limit texts run unnamed.
 */
function createStatementNames(prefix: string, limit: number): (text: string) => string {
  const names = new Map<string, string>()
  const seen = new LRUCache<string, number>({ max: 4 * limit })
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= limit) return ''
    const times = (seen.get(text) ?? 0) + 1
    seen.set(text, times)
    if (times < NAMED_AT) return ''
    const name = `${prefix}${names.size + 1}`
    names.set(text, name)
    seen.delete(text)
    return name
  }
}

/** BEGIN travels with the first statements of the work, COMMIT with the last that were sent. Whoever calls rolls back what fails. */
export async function inTransaction<T>(run: RunStatement, work: (statement: RunStatement) => Promise<T>): Promise<T> {
  let refusal: unknown = null
  run('BEGIN', []).catch((error: unknown) => {
    refusal = error
  })
  const answer = await work((text, parameters, form) =>
    // Outside of a transaction it would stand at once.
    refusal === null ? run(text, parameters, form) : Promise.reject(refusal),
  )
  try {
    await run('COMMIT', [])
  } catch (error) {
    throw undecidedWithoutAnswer(error)
  }
  return answer
}

/** What was sent and got no answer may have happened. */
export function undecidedWithoutAnswer(error: unknown): unknown {
  return isUnreachable(error) ? new UndecidedCommit(error) : error
}
