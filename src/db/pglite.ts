import { type PGlite, type Transaction, types } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { type Answer, assembleDatabase, PARSERS, type RunStatement, toWire } from './assemble.js'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'

/** For every type that PGlite would parse. */
const UNPARSED = Object.fromEntries(Object.keys(types.parsers).map((oid) => [oid, (text: string) => text]))

/** A writer that submits again at once would starve the readers of the only connection. */
const yieldToReaders = (): Promise<void> => new Promise(setImmediate)

/** A `Database` on PGlite, the same dialect in process; closing it closes PGlite. `release` runs after that. */
export function createPgliteDatabase(pglite: PGlite, release: () => Promise<void> = async () => undefined): Database {
  const statementOn =
    (client: PGlite | Transaction): RunStatement =>
    async (text, parameters, form): Promise<Answer> => {
      const options = form === 'texts' ? ({ parsers: UNPARSED, rowMode: 'array' } as const) : { parsers: PARSERS }
      const { rows, affectedRows } = await client.query(text, parameters.map(toWire), options)
      return { rows, count: affectedRows ?? 0 }
    }
  return assembleDatabase({
    dialect: 'pglite',
    statement: statementOn(pglite),
    async alone(text, parameters) {
      await yieldToReaders()
      return statementOn(pglite)(text, parameters)
    },
    transact: async (work) => {
      await yieldToReaders()
      return pglite.transaction((tx) => work(statementOn(tx)))
    },
    createPrisma: () => new PrismaClient({ adapter: new PrismaPGlite(pglite) }),
    async close() {
      await pglite.close()
      await release()
    },
  })
}
