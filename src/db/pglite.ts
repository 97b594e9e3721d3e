import type { PGlite, Transaction } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { type Answer, assembleDatabase, PARSERS, type RunStatement, toWire } from './assemble.js'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'

/** A `Database` on PGlite, the same dialect in process; closing it closes PGlite. `release` runs after that. */
export function createPgliteDatabase(pglite: PGlite, release: () => Promise<void> = async () => undefined): Database {
  const statementOn =
    (client: PGlite | Transaction): RunStatement =>
    async (text, parameters): Promise<Answer> => {
      const { rows, affectedRows } = await client.query(text, parameters.map(toWire), { parsers: PARSERS })
      return { rows, count: affectedRows ?? 0 }
    }
  return assembleDatabase({
    dialect: 'pglite',
    statement: statementOn(pglite),
    transact: async (work) => {
      // A writer that submits again at once would starve the readers of the only connection.
      await new Promise(setImmediate)
      return pglite.transaction((tx) => work(statementOn(tx)))
    },
    createPrisma: () => new PrismaClient({ adapter: new PrismaPGlite(pglite) }),
    async close() {
      await pglite.close()
      await release()
    },
  })
}
