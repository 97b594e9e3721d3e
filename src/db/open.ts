import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '../core/errors.js'
import type { OnTrouble } from './assemble.js'
import type { Database } from './database.js'
import { openEmbeddedEngine } from './embedded.js'
import { acquireLockFile, type ReleaseLock } from './lock-file.js'
import { migratePostgres } from './migrate.js'
import { createPgliteDatabase, type PgliteEngine } from './pglite.js'
import { createPostgresDatabase } from './postgres.js'

interface OpenDatabaseOptions {
  /** null: the embedded database in `<dataDir>/db`. */
  readonly databaseUrl: string | null
  readonly dataDir: string
  readonly onTrouble?: OnTrouble
  /** Told when the database has fallen silent (false), and when it answers again (true). */
  readonly onChange?: (isAnswering: boolean) => void
}

/** How often it is looked whether the folder is still there. */
const LOOK_MS = 500

/**
 * Opens the product's database and brings it up to date. The embedded one is locked against other processes.
 * @throws Error with what to do, when it cannot be reached, is in use, or its migrations do not fit this version
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { databaseUrl, onTrouble, onChange } = options
  if (databaseUrl === null) return openEmbedded(options)
  await migratePostgres(databaseUrl)
  return createPostgresDatabase(databaseUrl, { onTrouble, onChange })
}

async function openEmbedded({ dataDir, onTrouble }: OpenDatabaseOptions): Promise<Database> {
  const folder = join(dataDir, 'db')
  let release: ReleaseLock = async () => undefined
  try {
    await mkdir(dataDir, { recursive: true })
    release = await acquireLockFile(dataDir)
    const engine = withFolder(await openEmbeddedEngine(folder), folder)
    return createPgliteDatabase(
      {
        ...engine,
        async close() {
          await engine.close()
          await release()
        },
      },
      onTrouble,
    )
  } catch (error) {
    await release()
    throw new Error(`no database in the folder ${dataDir} (DATA_DIR): ${errorMessage(error)}`, { cause: error })
  }
}

/** What is written to files that nobody finds any more would be lost: without its folder the engine takes nothing. */
function withFolder(engine: PgliteEngine, folder: string): PgliteEngine {
  let isGone = false
  const look = async (): Promise<void> => {
    isGone = await stat(join(folder, 'PG_VERSION')).then(
      () => false,
      () => true,
    )
  }
  const looking = setInterval(() => void look(), LOOK_MS).unref()
  return {
    async run(packet) {
      if (isGone) throw new Error(`connection terminated: the folder of the embedded database is gone: ${folder}`)
      return engine.run(packet)
    },
    async close() {
      clearInterval(looking)
      await engine.close()
    },
  }
}
