import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Sql, SqlParameter } from './database.js'
import { isSerialisationFailure, translateError } from './errors.js'
import type { PrismaClient } from './generated/client.js'

const MAX_TRIES = 3

/** What a driver answers to a statement. */
export interface Answer {
  readonly rows: unknown[]
  readonly count: number
}

const INT8 = 20
const INT8_ARRAY = 1016

/** By type: a BIGINT is a bigint always; the drivers' own parsers give text, or a number where it is small. */
export const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: BigInt,
  [INT8_ARRAY]: (text) =>
    text === '{}'
      ? []
      : text
          .slice(1, -1)
          .split(',')
          .map((item) => (item === 'NULL' ? null : BigInt(item))),
}

export type RunStatement = (text: string, parameters: readonly SqlParameter[]) => Promise<Answer>

/** What a driver has to bring. */
interface Driver {
  readonly dialect: Database['dialect']
  readonly statement: RunStatement
  /** Runs the work between BEGIN and COMMIT, once. */
  readonly transact: <T>(work: (statement: RunStatement) => Promise<T>) => Promise<T>
  /** Called at the first use of Prisma's client. */
  readonly createPrisma: () => PrismaClient
  readonly close: () => Promise<void>
}

/**
 * The `Database` over a driver. Statements go to the driver itself: through Prisma's `$queryRaw` the same ones cost four
 * to six times the CPU. Prisma is there for cold reads, on the same connections.
 */
export function assembleDatabase({ dialect, statement, transact, createPrisma, close }: Driver): Database {
  let prisma: PrismaClient | null = null
  let closing: Promise<void> | null = null
  return {
    ...createSql(statement),
    dialect,
    get prisma() {
      prisma ??= createPrisma()
      return prisma
    },
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await transact((inside) => complete(inside, work))
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
 * After a failed statement PostgreSQL answers COMMIT with a silent ROLLBACK: work that went on regardless must not be taken
 * for done.
 */
async function complete<T>(statement: RunStatement, work: (tx: Sql) => Promise<T>): Promise<T> {
  const failures: unknown[] = []
  const answer = await work(
    createSql((text, parameters) =>
      statement(text, parameters).catch((error: unknown) => {
        failures.push(error)
        throw error
      }),
    ),
  )
  if (failures.length > 0) throw failures[0]
  return answer
}

function createSql(statement: RunStatement): Sql {
  const run = async (text: string, parameters: readonly SqlParameter[]): Promise<Answer> => {
    try {
      return await statement(text, parameters)
    } catch (error) {
      throw translateError(error)
    }
  }
  return {
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) => (await run(text, parameters)).rows as Row[],
    run: async (text, ...parameters) => (await run(text, parameters)).count,
  }
}

/** How parameters travel: as text, which the casts in the SQL give its type. */
export function toWire(parameter: SqlParameter): string | number | boolean | null | string[] {
  if (typeof parameter === 'bigint') return String(parameter)
  if (parameter instanceof Date) return parameter.toISOString()
  return typeof parameter === 'object' && parameter !== null ? [...parameter] : parameter
}
