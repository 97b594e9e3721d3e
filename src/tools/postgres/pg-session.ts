import type { Socket } from 'node:net'
import { Client, Pool, type PoolClient, Query, type QueryArrayConfig } from 'pg'
import { ANSWER_LIMIT } from '../outcome.js'
import { createGate } from './gate.js'
import { DescribeQuery } from './pg-describe.js'
import { assertNotProduct } from './product-database.js'
import {
  type AnswerLimit,
  createAnswerMeter,
  SIZE_LIMIT,
  SqlAnswerTooLarge,
  SqlFault,
  type SqlResult,
  type SqlSession,
} from './session.js'

export interface SessionOptions {
  readonly signal: AbortSignal
  readonly timeoutMs: number
}

/** A database that calls borrow connections of. */
export interface SqlDatabase {
  /** Gives `use` a connection of its own; nothing of the session outlives it. */
  withSession<T>(options: SessionOptions, use: (session: SqlSession) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const POOL_SIZE = 10
const CONNECT_TIMEOUT_MS = 15_000
const IDLE_MS = 30_000
const MAX_STATEMENT_TIMEOUT_MS = 2 ** 31 - 1
/** PostgreSQL's framing of an answer within the limits is never as much again. */
const WIRE_LIMIT = 2 * ANSWER_LIMIT

/** A PostgreSQL server behind a pool of connections. */
export function createPgDatabase(url: string): SqlDatabase {
  const options = { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'transient-step' }
  const pool = new Pool({ ...options, max: POOL_SIZE, idleTimeoutMillis: IDLE_MS, allowExitOnIdle: true })
  // The pool's own time limit would count the wait for a free connection, too.
  const gate = createGate(POOL_SIZE)
  // An idle connection that the server closes is simply gone from the pool.
  pool.on('error', () => {})
  return {
    withSession: async (session, use) => {
      const leave = await gate.enter(session.signal)
      if (leave === null) throw new SqlFault('stopped', '')
      try {
        return await borrow({ pool, url, session, use })
      } finally {
        leave()
      }
    },
    close: () => pool.end(),
  }
}

interface BorrowOptions<T> {
  readonly pool: Pool
  readonly url: string
  readonly session: SessionOptions
  readonly use: (session: SqlSession) => Promise<T>
}

async function borrow<T>({ pool, url, session: { signal, timeoutMs }, use }: BorrowOptions<T>): Promise<T> {
  const client = await connect(pool)
  let isBroken = false
  const abandon = () => {
    isBroken = true
    // The server would go on with the statement until it next writes to the closed connection.
    void cancelBackend(client, url)
    destroy(client)
  }
  const onError = () => {
    isBroken = true
  }
  client.on('error', onError)
  signal.addEventListener('abort', abandon, { once: true })
  try {
    if (signal.aborted) throw new SqlFault('stopped', '')
    await assertNotProduct(client)
    await client.query(`SET statement_timeout = ${Math.ceil(Math.min(timeoutMs + 1000, MAX_STATEMENT_TIMEOUT_MS))}`)
    const result = await use(pgSession(client, abandon))
    await clean(client)
    return result
  } catch (error) {
    if (!isBroken) isBroken = !(await isCleaned(client))
    throw error
  } finally {
    signal.removeEventListener('abort', abandon)
    client.off('error', onError)
    client.release(isBroken)
  }
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    throw toFault(error)
  }
}

async function clean(client: PoolClient): Promise<void> {
  await client.query('ROLLBACK')
  await client.query('DISCARD ALL')
}

async function isCleaned(client: PoolClient): Promise<boolean> {
  try {
    await clean(client)
    return true
  } catch {
    return false
  }
}

function pgSession(client: PoolClient, abandon: () => void): SqlSession {
  return {
    query: (text, values = []) => runQuery({ client, text, values, abandon }),
    describe: async (text) => {
      const query = new DescribeQuery(text)
      client.query(query)
      try {
        return await query.types
      } catch (error) {
        throw toFault(error)
      }
    },
  }
}

interface QueryOptions {
  readonly client: PoolClient
  readonly text: string
  readonly values: readonly (string | null)[]
  readonly abandon: () => void
}

function runQuery({ client, text, values, abandon }: QueryOptions): Promise<SqlResult> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    const meter = createAnswerMeter()
    const config: QueryArrayConfig = {
      text,
      values: [...values],
      rowMode: 'array',
      types: { getTypeParser: () => (value: unknown) => value },
    }
    const query = new Query<(string | null)[]>(config)
    const refuse = (limit: AnswerLimit) => {
      reject(new SqlAnswerTooLarge(limit))
      abandon()
    }
    const stopCounting = countBytes(client, () => refuse(SIZE_LIMIT))
    query.on('row', (row) => {
      const exceeded = meter.add(row)
      if (exceeded === null) rows.push(row)
      else refuse(exceeded)
    })
    query.on('end', (result) => {
      stopCounting()
      const columns = (result.fields ?? []).map((field) => ({ name: field.name, oid: field.dataTypeID }))
      resolve({ columns, rows, rowCount: result.rowCount ?? 0 })
    })
    query.on('error', (error) => {
      stopCounting()
      reject(toFault(error))
    })
    client.query(query)
  })
}

/** A single row is an event only when it is there whole, and may have a gigabyte. */
function countBytes(client: PoolClient, onTooMany: () => void): () => void {
  const stream = streamOf(client)
  let left = WIRE_LIMIT
  const count = (chunk: Buffer) => {
    left -= chunk.length
    if (left >= 0) return
    stop()
    onTooMany()
  }
  const stop = () => void stream?.off('data', count)
  stream?.on('data', count)
  return stop
}

function toFault(error: unknown): SqlFault {
  if (!(error instanceof Error)) return new SqlFault(String(error), '')
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : null
  const inner = error instanceof AggregateError ? error.errors[0] : null
  return new SqlFault(error.message || (inner instanceof Error ? inner.message : 'no connection'), code, detail)
}

function destroy(client: PoolClient): void {
  // The public `end` waits for the statement that is to be stopped.
  streamOf(client)?.destroy()
}

function streamOf(client: PoolClient): Socket | undefined {
  return (client as unknown as { readonly connection?: { readonly stream?: Socket } }).connection?.stream
}

async function cancelBackend(client: PoolClient, url: string): Promise<void> {
  const { processID } = client as unknown as { readonly processID?: number | null }
  if (typeof processID !== 'number') return
  const other = new Client({ connectionString: url, connectionTimeoutMillis: 3000 })
  other.on('error', () => {})
  try {
    await other.connect()
    await other.query('SELECT pg_terminate_backend($1)', [processID])
  } catch {
    // `statement_timeout` ends the statement in any case.
  } finally {
    await other.end().catch(() => {})
  }
}
