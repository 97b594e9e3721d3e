import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One folder of `prisma/migrations`. */
export interface Migration {
  readonly name: string
  readonly script: string
  /** SHA-256 of the script, as Prisma records it. */
  readonly checksum: string
}

/** One row of `_prisma_migrations`. */
export interface AppliedMigration {
  readonly name: string
  readonly checksum: string
  readonly isFinished: boolean
  readonly isRolledBack: boolean
}

/** All migrations of this package in order. */
export async function readMigrations(folder = migrationsFolder()): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => {
      const script = await readFile(join(folder, name, 'migration.sql'), 'utf8')
      return { name, script, checksum: createHash('sha256').update(script).digest('hex') }
    }),
  )
}

/**
 * The migrations that a database still needs.
 * @throws Error with what to do, when the database's history and this package's do not belong together
 */
export function planMigrations(known: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  const byName = new Map(known.map((migration) => [migration.name, migration]))
  const inForce = applied.filter((row) => !row.isRolledBack)
  for (const row of inForce) {
    const migration = byName.get(row.name)
    if (!row.isFinished) {
      throw new Error(
        `the migration ${row.name} of the database is half applied: look at its row in _prisma_migrations (column logs), ` +
          `undo what it did, then mark it with "npx prisma migrate resolve --rolled-back ${row.name}" and start again`,
      )
    }
    if (migration === undefined) {
      throw new Error(
        `the database has a migration that this version does not know (${row.name}): a newer version made it; ` +
          'start that version, or restore a backup from before it',
      )
    }
    if (migration.checksum !== row.checksum) {
      throw new Error(
        `the migration ${row.name} was edited after the database applied it: restore its migration.sql as it was ` +
          '(a change belongs into a new migration), then start again',
      )
    }
  }
  const done = new Set(inForce.map((row) => row.name))
  return known.filter((migration) => !done.has(migration.name))
}

/** `prisma/migrations` of the package, above `src` and above `dist` alike. */
function migrationsFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, 'prisma', 'migrations')
    if (existsSync(candidate)) return candidate
    if (folder === dirname(folder)) throw new Error('the folder prisma/migrations is missing: install the package again')
  }
}
