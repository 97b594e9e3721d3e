import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from './database.js'
import { openEmbeddedEngine } from './embedded.js'
import { acquireLockFile } from './lock-file.js'
import { migratePostgres } from './migrate.js'
import { createPgliteDatabase } from './pglite.js'
import { createPostgresDatabase } from './postgres.js'

interface OpenDatabaseOptions {
  /** null: the embedded database in `<dataDir>/db`. */
  readonly databaseUrl: string | null
  readonly dataDir: string
  /** Told when the database has fallen silent (false), and when it answers again (true). */
  readonly onChange?: (isAnswering: boolean) => void
}

/**
 * Opens the product's database and brings it up to date. The embedded one is locked against other processes.
 * @throws Error with what to do, when it cannot be reached, is in use, or its migrations do not fit this version
 */
export async function openDatabase({ databaseUrl, dataDir, onChange }: OpenDatabaseOptions): Promise<Database> {
  if (databaseUrl === null) return openEmbedded(dataDir)
  await migratePostgres(databaseUrl)
  return createPostgresDatabase(databaseUrl, onChange && { onChange })
}

async function openEmbedded(dataDir: string): Promise<Database> {
  await mkdir(dataDir, { recursive: true })
  const release = await acquireLockFile(dataDir)
  try {
    const engine = await openEmbeddedEngine(join(dataDir, 'db'))
    return createPgliteDatabase({
      ...engine,
      async close() {
        await engine.close()
        await release()
      },
    })
  } catch (error) {
    await release()
    throw error
  }
}
