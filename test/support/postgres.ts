import { type CreatedDatabase, createEmptyDatabase } from './database.js'

export interface TestPostgres {
  /** A URL of a new, empty database. */
  createDatabase(): Promise<string>
  /** Drops every database that was created here. */
  close(): Promise<void>
}

/** Several databases on the PostgreSQL server for tests, dropped together. */
export function openPostgres(): TestPostgres {
  const created: CreatedDatabase[] = []
  return {
    async createDatabase() {
      const database = await createEmptyDatabase()
      created.push(database)
      return database.url
    },
    async close() {
      for (const { drop } of created.splice(0)) await drop()
    },
  }
}
