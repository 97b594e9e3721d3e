import type { Socket } from 'node:net'
import { Client, Pool, type PoolClient, Query, type QueryArrayConfig } from 'pg'
import { ANSWER_LIMIT } from '../outcome.js'
import { createGate } from './gate.js'
import { DescribeQuery } from './pg-describe.js'
import { assertNotProduct } from './product-database.js'
import {
  type AnswerLimit,
  createAnswerMeter,
  faultOf,
  SIZE_LIMIT,
  SqlAnswerTooLarge,
  SqlFault,
  type SqlNotice,
  type SqlResult,
  type SqlSession,
} from './session.js'

export interface SessionOptions {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Hears what the call's own statements say while they run. */
  readonly onNotice: (notice: SqlNotice) => void
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
/** PostgreSQL's framing of a result within the limits is never as much again. */
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

async function borrow<T>({ pool, url, session: { signal, timeoutMs, onNotice }, use }: BorrowOptions<T>): Promise<T> {
  const client = await connect(pool)
  let isBroken = false
  let isAbandoned = false
  // Rows that were on their way still come: each of them would ask for it again.
  const abandon = () => {
    if (isAbandoned) return
    isAbandoned = true
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
    const result = await use(pgSession({ client, abandon, onNotice }))
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
    throw faultOf(error)
  }
}

async function clean(client: PoolClient): Promise<void> {
  if (client.getTransactionStatus() !== 'I') await client.query('ROLLBACK')
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

interface PgCall {
  readonly client: PoolClient
  readonly abandon: () => void
  readonly onNotice: (notice: SqlNotice) => void
}

function pgSession(call: PgCall): SqlSession {
  const { client } = call
  return {
    query: (text, values = []) => runQuery({ ...call, text, values }),
    describe: async (text) => {
      const query = new DescribeQuery(text)
      client.query(query)
      try {
        return await query.types
      } catch (error) {
        throw faultOf(error)
      }
    },
  }
}

interface QueryOptions extends PgCall {
  readonly text: string
  readonly values: readonly (string | null)[]
}

function runQuery({ client, text, values, abandon, onNotice }: QueryOptions): Promise<SqlResult> {
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
    const count = countBytes(client, () => refuse(SIZE_LIMIT))
    const hear = (notice: SqlNotice & { readonly length: number }) => {
      count.forgive(notice.length)
      onNotice(notice)
    }
    client.on('notice', hear)
    const end = () => {
      client.off('notice', hear)
      count.stop()
    }
    query.on('row', (row) => {
      const exceeded = meter.add(row)
      if (exceeded === null) rows.push(row)
      else refuse(exceeded)
    })
    query.on('end', (result) => {
      end()
      const columns = (result.fields ?? []).map((field) => ({ name: field.name, oid: field.dataTypeID }))
      resolve({ columns, rows, rowCount: result.rowCount ?? 0 })
    })
    query.on('error', (error) => {
      end()
      reject(faultOf(error))
    })
    client.query(query)
  })
}

/** A single row is an event only when it is there whole, and may have a gigabyte. */
function countBytes(client: PoolClient, onTooMany: () => void): { stop(): void; forgive(bytes: number): void } {
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
  const forgive = (bytes: number) => {
    left += bytes
  }
  return { stop, forgive }
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
