import { setTimeout as sleep } from 'node:timers/promises'
import { isUndecided } from '../core/errors.js'
import type { Database, Sql, SqlParameter, TextRow, Transaction } from './database.js'
import { isSerialisationFailure, translateError } from './errors.js'
import type { PrismaClient } from './generated/client.js'

const MAX_TRIES = 3

/** What a driver answers to a statement. */
export interface Answer {
  readonly rows: unknown[]
  readonly count: number
}

/** `records`, without it: parsed, by name. `texts`: each row is an array of its columns, in PostgreSQL's own text. */
export type RowForm = 'records' | 'texts'

export type RunStatement = (text: string, parameters: readonly SqlParameter[], form?: RowForm) => Promise<Answer>

/** What a driver has to bring. */
interface Driver {
  readonly dialect: Database['dialect']
  readonly statement: RunStatement
  /** The same for a statement that changes rows: without an answer it may have. */
  readonly alone: RunStatement
  /** The same for a statement that only reads, and stops when the signal aborts. */
  readonly reading: (signal: AbortSignal | undefined) => RunStatement
  /** Runs the work between BEGIN and COMMIT, once. Statements that the work did not wait for are answered before it resolves. */
  readonly transact: <T>(work: (statement: RunStatement) => Promise<T>) => Promise<T>
  /** Called at the first use of Prisma's client. */
  readonly createPrisma: () => PrismaClient
  readonly close: () => Promise<void>
}

/**
 * The `Database` over a driver. Statements go to the driver itself: through Prisma's `$queryRaw` the same ones cost four
 * to six times the CPU. Prisma is there for cold reads, on the same connections.
 */
export function assembleDatabase(driver: Driver): Database {
  const { dialect, statement, alone, reading, transact, createPrisma, close } = driver
  let prisma: PrismaClient | null = null
  let closing: Promise<void> | null = null
  return {
    ...createSql(statement),
    dialect,
    alone: createSql(alone).rows,
    reading: (signal) => createSql(reading(signal)),
    get prisma() {
      prisma ??= createPrisma()
      return prisma
    },
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await complete(transact, work)
        } catch (error) {
          if (tries >= MAX_TRIES || !isSerialisationFailure(error)) throw translateError(error)
          await sleep(Math.random() * 20 * tries)
        }
      }
    },
    close() {
      closing ??= (prisma?.$disconnect() ?? Promise.resolve()).then(close)
      return closing
    },
  }
}

/**
 * After a failed statement PostgreSQL answers COMMIT with a silent ROLLBACK: work that went on regardless, or did not wait for the
 * statement's answer, must not be taken for done.
 */
async function complete<T>(transact: Driver['transact'], work: (tx: Transaction) => Promise<T>): Promise<T> {
  const failures: unknown[] = []
  let isDone = false
  const noted: (statement: RunStatement) => RunStatement = (statement) => (text, parameters, form) =>
    statement(text, parameters, form).catch((error: unknown) => {
      failures.push(error)
      throw error
    })
  try {
    const answer = await transact(async (statement) => {
      const result = await work(createTransaction(noted(statement)))
      isDone = true
      return result
    })
    if (failures.length > 0) throw failures[0]
    return answer
  } catch (error) {
    // The reason why it was rolled back, rather than that it was.
    throw isDone && failures.length > 0 && !isUndecided(error) ? failures[0] : error
  }
}

function createTransaction(statement: RunStatement): Transaction {
  return {
    ...createSql(statement),
    send(text, ...parameters) {
      statement(text, parameters).catch(() => undefined)
    },
  }
}

function createSql(statement: RunStatement): Sql {
  const run = async (text: string, parameters: readonly SqlParameter[], form?: RowForm): Promise<Answer> => {
    try {
      return await statement(text, parameters, form)
    } catch (error) {
      throw translateError(error)
    }
  }
  return {
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) => (await run(text, parameters)).rows as Row[],
    texts: async (text, ...parameters) => (await run(text, parameters, 'texts')).rows as TextRow[],
    run: async (text, ...parameters) => (await run(text, parameters)).count,
  }
}
