import type { PGlite } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import type { Database } from './database.js'
import { PrismaClient } from './generated/client.js'
import { createPrismaDatabase } from './prisma-database.js'

/** A `Database` on PGlite, the same dialect in process; closing it closes PGlite. `release` runs after that. */
export function createPgliteDatabase(pglite: PGlite, release: () => Promise<void> = async () => undefined): Database {
  const prisma = new PrismaClient({ adapter: new PrismaPGlite(pglite) })
  return createPrismaDatabase({
    prisma,
    dialect: 'pglite',
    async release() {
      await pglite.close()
      await release()
    },
  })
}
