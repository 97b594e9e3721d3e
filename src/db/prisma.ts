import pg from 'pg'
import type { PrismaOperation, SqlParameter, TextRow } from './database.js'
import type { PrismaClient } from './generated/client.js'
import type { RunStatement } from './packet.js'

/** Prisma's client over statements of ours, and not over connections of its own: limits, errors and cancellation are the same as for any SQL. */
export interface PrismaClients {
  /** One operation, whose statements all go to `run`. */
  ask<T>(run: RunStatement, operation: PrismaOperation<T>): Promise<T>
  /** The same where each statement finds a connection for itself: however many ask at once, one client serves them. */
  askOver(run: RunStatement): <T>(operation: PrismaOperation<T>) => Promise<T>
  close(): Promise<void>
}

/** A client, and where its statements go at the moment. */
interface Client {
  readonly prisma: PrismaClient
  run: RunStatement
}

/** What a query of the adapter's is. */
interface AdapterQuery {
  readonly text: string
  readonly values: readonly SqlParameter[]
  readonly types: { getTypeParser(type: number, format: 'text'): (text: string) => unknown }
}

/** What a statement failed with: Prisma's client, which would put other errors into words of its own, passes it on. */
class StatementFailure extends Error {
  constructor(readonly reason: unknown) {
    super('a statement failed')
  }
}

const unused: RunStatement = () => Promise.reject(new Error('a statement of an operation that has ended'))

/**
 * Nothing is loaded, and no client made, before the first operation: that takes 0.25 s of processor time, and a further client some 20 ms. One is
 * lent to one operation at a time, so that there are never more of them than connections in use.
 */
export function createPrismaClients(): PrismaClients {
  const opened: Client[] = []
  const idle: Client[] = []

  async function open(run: RunStatement): Promise<Client> {
    const [{ PrismaPg }, { PrismaClient }] = await Promise.all([import('@prisma/adapter-pg'), import('./generated/client.js')])
    const pool = poolOver((...statement) => client.run(...statement))
    const client: Client = { run, prisma: new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' }) }
    opened.push(client)
    return client
  }

  return {
    async ask(run, operation) {
      const client = idle.pop() ?? (await open(run))
      client.run = run
      try {
        return await answerOf(client, operation)
      } finally {
        client.run = unused
        idle.push(client)
      }
    },
    askOver(run) {
      let shared: Promise<Client> | null = null
      return async (operation) => {
        shared ??= open(run).catch((error: unknown) => {
          shared = null
          throw error
        })
        return answerOf(await shared, operation)
      }
    },
    async close() {
      await Promise.all(opened.map(({ prisma }) => prisma.$disconnect()))
    },
  }
}

async function answerOf<T>({ prisma }: Client, operation: PrismaOperation<T>): Promise<T> {
  try {
    return await operation(prisma)
  } catch (error) {
    throw error instanceof StatementFailure ? error.reason : error
  }
}

/** What Prisma's adapter takes for a pool of connections. It opens none. */
function poolOver(run: RunStatement): pg.Pool {
  const query = async ({ text, values, types }: AdapterQuery) => {
    const { rows, columns, count } = await run(text, values, 'prisma').catch((error: unknown) => {
      throw new StatementFailure(error)
    })
    const parsers = columns.map(({ type }) => types.getTypeParser(type, 'text'))
    return {
      fields: columns.map(({ name, type }) => ({ name, dataTypeID: type })),
      rows: (rows as TextRow[]).map((row) => row.map((cell, index) => (cell === null ? null : parsers[index]?.(cell)))),
      rowCount: count,
    }
  }
  /** Of an operation that is several statements, and begins a transaction for them. */
  const connect = () =>
    Promise.reject(
      new StatementFailure(new Error('this operation of Prisma takes several statements: make it several, in a transaction')),
    )
  return Object.assign(new pg.Pool(), { query, connect })
}
