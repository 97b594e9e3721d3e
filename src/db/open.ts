import type { Database } from './database.js'
import { migratePostgres } from './migrate.js'
import { createPostgresDatabase, type PostgresOptions } from './postgres.js'

/**
 * Opens the product's database and brings it up to date.
 * @throws Error with what to do, when it cannot be reached, or its migrations do not fit this version
 */
export async function openDatabase(databaseUrl: string, options: PostgresOptions = {}): Promise<Database> {
  await migratePostgres(databaseUrl)
  return createPostgresDatabase(databaseUrl, options)
}
