import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'
import { createPrismaDatabase } from './prisma-database.js'

const MAX_NAMED_STATEMENTS = 500
const MAX_CONNECTIONS = 20
const CONNECT_TIMEOUT_MS = 10_000
/** UTC, because the driver adapter takes every timestamp for UTC; generic plans, because planning costs more than our statements. */
const SESSION_OPTIONS = '-c TimeZone=UTC -c plan_cache_mode=force_generic_plan'

/** Opens PostgreSQL. Nothing connects before the first statement. */
export function createPostgresDatabase(databaseUrl: string): Database {
  const pool = new pg.Pool({
    connectionString: withSessionOptions(databaseUrl),
    options: SESSION_OPTIONS,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  const adapter = new PrismaPg(pool, { statementNameGenerator: createStatementNames(), disposeExternalPool: true })
  return createPrismaDatabase({ prisma: new PrismaClient({ adapter }), dialect: 'postgres', release: async () => undefined })
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
function createStatementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>()
  return ({ sql }) => {
    const known = names.get(sql)
    if (known !== undefined) return known
    if (names.size >= MAX_NAMED_STATEMENTS) return ''
    const name = `s${names.size + 1}`
    names.set(sql, name)
    return name
  }
}
