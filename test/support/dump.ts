import type { Database } from '../../src/db/database.js'
import { openDatabase } from '../../src/db/open.js'

/** The same by a connection of its own. */
export async function dumpOfUrl(url: string): Promise<string> {
  const db = await openDatabase(url)
  try {
    return await dumpOf(db)
  } finally {
    await db.close()
  }
}

/** Every row of every table of the product as text. */
export async function dumpOf(db: Database): Promise<string> {
  const tables = await db.rows<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema IN ('noetl', 'transient') AND table_type = 'BASE TABLE' ORDER BY 1`,
  )
  const dumped: string[] = []
  for (const { name } of tables) {
    const rows = await db.rows<{ row: string }>(`SELECT t::text AS row FROM ${name} t`)
    dumped.push(`${name}:`, ...rows.map(({ row }) => row))
  }
  return dumped.join('\n')
}
