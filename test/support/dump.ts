import type { Database } from '../../src/db/database.js'

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
