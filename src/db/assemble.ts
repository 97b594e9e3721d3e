import { setTimeout as sleep } from 'node:timers/promises'
import { isTransientError, isUndecided, type TransientError } from '../core/errors.js'
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

/** Told what is wrong with the database, in words for callers; its cause has the details, for the log. */
export type OnTrouble = (trouble: TransientError) => void

export type RunStatement = (text: string, parameters: readonly SqlParameter[], form?: RowForm) => Promise<Answer>

/** What a driver has to bring. */
interface Driver {
  readonly statement: RunStatement
  /** The same for a statement that changes rows: without an answer it may have. */
  readonly alone: RunStatement
  /** The same for a statement that only reads, and stops when the signal aborts. */
  readonly reading: (signal: AbortSignal | undefined) => RunStatement
  /** Runs the work between BEGIN and COMMIT, once. Statements that the work did not wait for are answered before it resolves. */
  readonly transact: <T>(work: (statement: RunStatement) => Promise<T>) => Promise<T>
  /** Called at the first use of Prisma's client. */
  readonly createPrisma: () => PrismaClient
  /** See `Database`. */
  readonly refusal: Database['refusal']
  readonly close: () => Promise<void>
  /** Told of every failure of the database itself. */
  readonly onTrouble?: OnTrouble | undefined
}

/**
 * The `Database` over a driver. Statements go to the driver itself: through Prisma's `$queryRaw` the same ones cost four
 * to six times the CPU. Prisma is there for cold reads, on the same connections.
 */
export function assembleDatabase(driver: Driver): Database {
  const { statement, alone, reading, transact, createPrisma, refusal, close } = driver
  const translate = translatingFor(driver.onTrouble)
  const sqlOver = (run: RunStatement): Sql => createSql(run, translate)
  const changing = sqlOver(alone)
  let prisma: PrismaClient | null = null
  let closing: Promise<void> | null = null
  return {
    ...sqlOver(statement),
    refusal,
    async alone(text, ...parameters) {
      assertWritable(refusal)
      return changing.rows(text, ...parameters)
    },
    reading: (signal) => sqlOver(reading(signal)),
    get prisma() {
      prisma ??= createPrisma()
      return prisma
    },
    async transaction(work) {
      assertWritable(refusal)
      for (let tries = 1; ; tries += 1) {
        try {
          return await complete(transact, (run) => work(createTransaction(run, translate)))
        } catch (error) {
          if (tries >= MAX_TRIES || !isSerialisationFailure(error)) throw translate(error)
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

function assertWritable(refusal: Database['refusal']): void {
  const error = refusal()
  if (error !== null) throw error
}

/**
 * After a failed statement PostgreSQL answers COMMIT with a silent ROLLBACK: work that went on regardless, or did not wait for the
 * statement's answer, must not be taken for done.
 */
async function complete<T>(transact: Driver['transact'], work: (run: RunStatement) => Promise<T>): Promise<T> {
  const failures: unknown[] = []
  let isDone = false
  const noted: (statement: RunStatement) => RunStatement = (statement) => (text, parameters, form) =>
    statement(text, parameters, form).catch((error: unknown) => {
      failures.push(error)
      throw error
    })
  try {
    const answer = await transact(async (statement) => {
      const result = await work(noted(statement))
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

function createTransaction(statement: RunStatement, translate: Translate): Transaction {
  return {
    ...createSql(statement, translate),
    send(text, ...parameters) {
      statement(text, parameters).catch(() => undefined)
    },
  }
}

type Translate = (error: unknown) => unknown

/** Errors as callers get them. Whoever left is no trouble, and what is translated already was told. */
function translatingFor(onTrouble: OnTrouble = () => undefined): Translate {
  return (error) => {
    const translated = translateError(error)
    if (isTransientError(translated) && (translated !== error || isUndecided(error))) onTrouble(translated)
    return translated
  }
}

function createSql(statement: RunStatement, translate: Translate): Sql {
  const run = async (text: string, parameters: readonly SqlParameter[], form?: RowForm): Promise<Answer> => {
    try {
      return await statement(text, parameters, form)
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) => (await run(text, parameters)).rows as Row[],
    texts: async (text, ...parameters) => (await run(text, parameters, 'texts')).rows as TextRow[],
    run: async (text, ...parameters) => (await run(text, parameters)).count,
  }
}
