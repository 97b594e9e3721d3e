import { PrismaPGlite } from 'pglite-prisma-adapter'
import { assembleDatabase, type OnTrouble, type RunStatement } from './assemble.js'
import type { Database } from './database.js'
import { callerLeft } from './errors.js'
import { PrismaClient } from './generated/client.js'
import { errorOf, type PacketAnswer, type PgliteAnswer, type PgliteStatement, type RunPlain } from './pglite-packet.js'
import { prismaClientOn } from './pglite-prisma.js'
import { columnsOf, readRow, toWire } from './rows.js'
import { inTransaction } from './transaction.js'

/** A PGlite somewhere. Packets are carried out in the order in which they are given. */
export interface PgliteEngine {
  /** @throws Error when the engine is gone */
  run(packet: readonly PgliteStatement[]): Promise<PacketAnswer>
  close(): Promise<void>
}

/**
 * A `Database` on PGlite: the same dialect without a server. It has one connection, which a transaction has alone; what is issued
 * meanwhile follows in the order of issue.
 */
export function createPgliteDatabase(engine: PgliteEngine, onTrouble?: OnTrouble): Database {
  let turn: Promise<unknown> = Promise.resolve()
  const alone: RunPlain = async (text, parameters) => {
    await turn
    return together(engine)(text, parameters)
  }
  const exclusively = <T>(work: (run: RunPlain) => Promise<T>): Promise<T> => {
    const result = turn.then(() => work(together(engine)))
    turn = result.catch(() => undefined)
    return result
  }
  return assembleDatabase({
    dialect: 'pglite',
    onTrouble,
    statement: parsed(alone),
    alone: parsed(alone),
    // Nothing stops what it has begun; what waits behind something else is not begun any more.
    reading: (signal) => async (text, parameters, form) => {
      await turn
      if (signal?.aborted) throw callerLeft()
      return parsed(alone)(text, parameters, form)
    },
    transact: (work) =>
      exclusively(async (run) => {
        const statement = parsed(run)
        try {
          return await inTransaction(statement, work)
        } catch (error) {
          await statement('ROLLBACK', []).catch(() => undefined)
          throw error
        }
      }),
    createPrisma: () => new PrismaClient({ adapter: new PrismaPGlite(prismaClientOn(alone, exclusively)) }),
    close: () => engine.close(),
  })
}

interface Sent {
  readonly statement: PgliteStatement
  resolve(answer: PgliteAnswer): void
  reject(error: unknown): void
}

/** Statements that are issued before the answer to the first of them could have come travel together. */
function together(engine: PgliteEngine): RunPlain {
  let waiting: Sent[] = []
  const send = async () => {
    const sent = waiting
    waiting = []
    const fail = (items: readonly Sent[], error: unknown) => {
      for (const { reject } of items) reject(error)
    }
    try {
      const { answers, fault } = await engine.run(sent.map(({ statement }) => statement))
      for (const [index, answer] of answers.entries()) sent[index]?.resolve(answer)
      if (fault !== null) fail(sent.slice(answers.length), errorOf(fault))
    } catch (error) {
      fail(sent, error)
    }
  }
  return (text, parameters) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) process.nextTick(send)
      waiting.push({ statement: { text, parameters }, resolve, reject })
    })
}

function parsed(run: RunPlain): RunStatement {
  return async (text, parameters, form) => {
    const { fields, rows, count } = await run(text, parameters.map(toWire))
    if (form === 'texts') return { rows: [...rows], count }
    const columns = columnsOf(fields)
    return { rows: rows.map((row) => readRow(columns, row)), count }
  }
}
