import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { type Answer, assembleDatabase, PARSERS, type RunStatement, toWire } from './assemble.js'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'

const MAX_NAMED_STATEMENTS = 500
const MAX_CONNECTIONS = 20
const CONNECT_TIMEOUT_MS = 15_000
/**
 * UTC, because Prisma's adapter takes every timestamp for UTC; generic plans, because planning costs more than our
 * statements; a transaction that was left open loses its locks.
 */
const SESSION_OPTIONS = '-c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c idle_in_transaction_session_timeout=120s'

const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    const own = PARSERS[oid]
    if (own !== undefined) return own
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text')
  },
}

/** Opens PostgreSQL. Nothing connects before the first statement. */
export function createPostgresDatabase(databaseUrl: string): Database {
  const nameOf = createStatementNames()
  const pool = new pg.Pool({
    connectionString: withSessionOptions(databaseUrl),
    options: SESSION_OPTIONS,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  // An idle connection that the server ends is replaced at the next statement; without a listener it would end the process.
  pool.on('error', () => undefined)

  const statementOn =
    (client: pg.Pool | pg.PoolClient): RunStatement =>
    async (text, parameters): Promise<Answer> => {
      const { rows, rowCount } = await client.query({ name: nameOf(text), text, values: parameters.map(toWire), types: TYPES })
      return { rows, count: rowCount ?? 0 }
    }

  return assembleDatabase({
    dialect: 'postgres',
    statement: statementOn(pool),
    transact: async (work) => {
      const client = await pool.connect()
      try {
        const answer = await inTransaction(client, () => work(statementOn(client)))
        client.release()
        return answer
      } catch (error) {
        await rollBack(client)
        throw error
      }
    },
    createPrisma: () => new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator: ({ sql }) => nameOf(sql) }) }),
    close: () => pool.end(),
  })
}

async function inTransaction<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  const ignore = () => undefined
  client.on('error', ignore)
  try {
    await client.query('BEGIN')
    const answer = await work()
    await client.query('COMMIT')
    return answer
  } finally {
    client.removeListener('error', ignore)
  }
}

/** A connection on which even that fails is given up. */
async function rollBack(client: pg.PoolClient): Promise<void> {
  const ignore = () => undefined
  client.on('error', ignore)
  try {
    await client.query('ROLLBACK')
    client.removeListener('error', ignore)
    client.release()
  } catch {
    client.release(true)
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
function createStatementNames(): (text: string) => string {
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= MAX_NAMED_STATEMENTS) return ''
    const name = `s${names.size + 1}`
    names.set(text, name)
    return name
  }
}
