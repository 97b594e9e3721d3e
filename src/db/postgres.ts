import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { assembleDatabase, type RunStatement } from './assemble.js'
import type { Database } from './database.js'
import { isUnreachable } from './errors.js'
import { PrismaClient } from './generated/client.js'
import { statementsOn } from './packet.js'
import { inTransaction, undecidedWithoutAnswer } from './transaction.js'

const MAX_NAMED_STATEMENTS = 500
const MAX_CONNECTIONS = 20
const CONNECT_TIMEOUT_MS = 15_000
/**
 * UTC, because Prisma's adapter takes every timestamp for UTC; generic plans, because planning costs more than our
 * statements, and none of them runs long enough to be worth compiling; pages cost much the same wherever they are, on today's disks, so that small
 * tables, too, are looked into by their indexes: such a plan stays good when they grow; a transaction that was left open loses its locks.
 */
const SESSION_OPTIONS =
  '-c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c random_page_cost=1.1 -c jit=off -c idle_in_transaction_session_timeout=120s'

const ignore = () => undefined

/** Opens PostgreSQL. Nothing connects before the first statement. */
export function createPostgresDatabase(databaseUrl: string): Database {
  const pool = new pg.Pool({
    connectionString: withSessionOptions(databaseUrl),
    options: SESSION_OPTIONS,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  // A connection that the server ends fails the statements on it; without listeners it would end the process, too.
  pool.on('error', ignore)
  pool.on('connect', (client) => client.on('error', ignore))
  const connection = createConnections(pool)
  const statementFailingWith =
    (failure: (error: unknown) => unknown): RunStatement =>
    async (text, parameters, form) => {
      const { run, release } = await connection()
      try {
        const answer = await run(text, parameters, form)
        release()
        return answer
      } catch (error) {
        release(isUnreachable(error))
        throw failure(error)
      }
    }

  return assembleDatabase({
    dialect: 'postgres',
    statement: statementFailingWith((error) => error),
    alone: statementFailingWith(undecidedWithoutAnswer),
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
    createPrisma: () => {
      const nameOf = createStatementNames('p')
      return new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator: ({ sql }) => nameOf(sql) }) })
    },
    close: () => pool.end(),
  })
}

interface Connection {
  readonly run: RunStatement
  release(isBroken?: boolean): void
}

/** Takes connections from a pool, each with what it has prepared. */
function createConnections(pool: pg.Pool): () => Promise<Connection> {
  const nameOf = createStatementNames('s')
  const known = new WeakMap<pg.PoolClient, RunStatement>()
  return async () => {
    const client = await pool.connect()
    const run = known.get(client) ?? statementsOn(client, nameOf)
    known.set(client, run)
    return { run, release: (isBroken = false) => client.release(isBroken) }
  }
}

/** `options` in a URL would replace ours, so ours are added to them. */
function withSessionOptions(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return databaseUrl
  const url = new URL(databaseUrl)
  const given = url.searchParams.get('options')
  if (given !== null) url.searchParams.set('options', `${given} ${SESSION_OPTIONS}`)
  return url.toString()
}

/** Names for server-side prepared statements: the first texts seen get one, later ones run unnamed. */
function createStatementNames(prefix: string): (text: string) => string {
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= MAX_NAMED_STATEMENTS) return ''
    const name = `${prefix}${names.size + 1}`
    names.set(text, name)
    return name
  }
}
