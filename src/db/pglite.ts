import type { PGlite } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'
import { createPrismaDatabase } from './prisma-database.js'

/** A `Database` on PGlite, the same dialect in process; closing it closes PGlite. `release` runs after that. */
export function createPgliteDatabase(pglite: PGlite, release: () => Promise<void> = async () => undefined): Database {
  const { client, commitCheck } = watchCommits(pglite)
  return createPrismaDatabase({
    prisma: new PrismaClient({ adapter: new PrismaPGlite(client) }),
    dialect: 'pglite',
    commitCheck,
    async release() {
      await pglite.close()
      await release()
    },
  })
}

/**
 * The driver adapter takes a failed COMMIT for a success: a write would be acknowledged and lost. So the outcome of each
 * transaction is kept here. PGlite runs one at a time: the last begun is the one that asks.
 */
function watchCommits(pglite: PGlite): { readonly client: PGlite; readonly commitCheck: () => () => void } {
  let current: { failure: unknown } = { failure: null }
  const transaction: PGlite['transaction'] = async (work) => {
    const own: { failure: unknown } = { failure: null }
    try {
      return await pglite.transaction((tx) => {
        current = own
        return work(tx)
      })
    } catch (error) {
      own.failure = error
      throw error
    }
  }
  const client = new Proxy(pglite, {
    get(target, key) {
      if (key === 'transaction') return transaction
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    client,
    commitCheck() {
      const own = current
      return () => {
        if (own.failure !== null) throw own.failure
      }
    },
  }
}
