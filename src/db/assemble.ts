import { setTimeout as sleep } from 'node:timers/promises'
import { isTransientError, isUndecided, type TransientError } from '../core/errors.js'
import type { Database, Sql, SqlParameter, TextRow, Transaction } from './database.js'
import { isSerialisationFailure, translateError } from './errors.js'
import type { RunStatement, Session } from './packet.js'
import { createPrismaClients, type PrismaClients } from './prisma.js'

const MAX_TRIES = 3

/** Told what is wrong with the database, in words for callers; its cause has the details, for the log. */
export type OnTrouble = (trouble: TransientError) => void

/** What a driver has to bring. */
interface Driver {
  readonly plain: Session
  /** The same for a statement that changes rows: without an answer it may have. */
  readonly alone: Session
  /** The same for statements that only read, and stop when the signal aborts. */
  readonly reading: (signal: AbortSignal | undefined) => Session
  /** Runs the work between BEGIN and COMMIT, once. Statements that the work did not wait for are answered before it resolves. */
  readonly transact: Session
  /** See `Database`. */
  readonly refusal: Database['refusal']
  readonly close: () => Promise<void>
  /** Told of every failure of the database itself. */
  readonly onTrouble?: OnTrouble | undefined
}

/** The `Database` over a driver. */
export function assembleDatabase(driver: Driver): Database {
  const { plain, alone, reading, transact, refusal, close } = driver
  const clients = createPrismaClients()
  const parts: SqlParts = { translate: translatingFor(driver.onTrouble), clients }
  const { translate } = parts
  const changing = createSql(alone, parts)
  const askPlainly = clients.askOver((...statement) => plain((run) => run(...statement)))
  let closing: Promise<void> | null = null
  return {
    ...createSql(plain, parts),
    prisma: (operation) => askPlainly(operation).catch((error: unknown) => Promise.reject(translate(error))),
    refusal,
    async alone(text, ...parameters) {
      assertWritable(refusal)
      return changing.rows(text, ...parameters)
    },
    reading: (signal) => createSql(reading(signal), parts),
    async transaction(work) {
      assertWritable(refusal)
      for (let tries = 1; ; tries += 1) {
        try {
          return await complete(transact, (run) => work(createTransaction(run, parts)))
        } catch (error) {
          if (tries >= MAX_TRIES || !isSerialisationFailure(error)) throw translate(error)
          await sleep(Math.random() * 20 * tries)
        }
      }
    },
    close() {
      closing ??= clients.close().then(close)
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

function createTransaction(statement: RunStatement, parts: SqlParts): Transaction {
  return {
    ...createSql((work) => work(statement), parts),
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

interface SqlParts {
  readonly translate: Translate
  readonly clients: PrismaClients
}

function createSql(session: Session, { translate, clients }: SqlParts): Sql {
  const within: Session = async (work) => {
    try {
      return await session(work)
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) =>
      (await within((run) => run(text, parameters))).rows as Row[],
    texts: async (text, ...parameters) => (await within((run) => run(text, parameters, 'texts'))).rows as TextRow[],
    run: async (text, ...parameters) => (await within((run) => run(text, parameters))).count,
    prisma: (operation) => within((run) => clients.ask(run, operation)),
  }
}
