import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { describeDatabase } from '../support/database.js'

interface Table {
  readonly name: string
  /** Each as `name type [NOT NULL] [DEFAULT]`. */
  readonly columns: string[]
  readonly key: string[]
}

const TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  Json: 'jsonb',
  BigInt: 'bigint',
  Int: 'integer',
  Boolean: 'boolean',
  'DateTime@db.Timestamptz(6)': 'timestamp with time zone',
}

/** The tables as schema.prisma describes them; relations are no columns. */
function tablesOf(schema: string): Table[] {
  return [...schema.matchAll(/^model \w+ \{\n(.*?)^\}/gms)].map(([, body = '']) => {
    const mapped = (attribute: string) => new RegExp(`@@${attribute}\\("?(.*?)"?\\)`).exec(body)?.[1]
    const fields = [...body.matchAll(/^ +(\w+) +(\w+)(\??) *(.*)$/gm)].flatMap(
      ([, name = '', type = '', optional, attributes = '']) => {
        const native = /@db\.\S+/.exec(attributes)?.[0] ?? ''
        const sqlType = TYPES[type + native]
        if (sqlType === undefined) return []
        const column = /@map\("(.*?)"\)/.exec(attributes)?.[1] ?? name
        return [{ name, column, sqlType, isOptional: optional === '?', attributes }]
      },
    )
    const columns = fields.map(({ column, sqlType, isOptional, attributes }) =>
      [column, sqlType, isOptional ? [] : 'NOT NULL', attributes.includes('@default') ? 'DEFAULT' : []].flat().join(' '),
    )
    const keyNames =
      /@@id\(\[(.*?)\]\)/.exec(body)?.[1]?.split(', ') ??
      fields.filter(({ attributes }) => /@id\b/.test(attributes)).map(({ name }) => name)
    const key = keyNames.map((name) => fields.find((field) => field.name === name)?.column ?? name)
    return { name: `${mapped('schema')}.${mapped('map')}`, columns: columns.sort(), key }
  })
}

describeDatabase('schema.prisma', (open) => {
  test('describes the tables that the migrations make', async () => {
    const db = await open()
    const rows = await db.rows<Table>(
      `SELECT t.table_schema || '.' || t.table_name AS name,
         (SELECT array_agg(concat_ws(' ', column_name, data_type, CASE WHEN is_nullable = 'NO' THEN 'NOT NULL' END,
            CASE WHEN column_default IS NOT NULL OR is_identity = 'YES' THEN 'DEFAULT' END))
          FROM information_schema.columns c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name) AS columns,
         (SELECT array_agg(column_name::text ORDER BY ordinal_position)
          FROM information_schema.table_constraints k JOIN information_schema.key_column_usage u USING (constraint_schema, constraint_name)
          WHERE k.table_schema = t.table_schema AND k.table_name = t.table_name AND k.constraint_type = 'PRIMARY KEY') AS key
       FROM information_schema.tables t WHERE t.table_schema IN ('noetl', 'transient')`,
    )
    const byName = (left: Table, right: Table) => left.name.localeCompare(right.name)
    const described = tablesOf(await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8'))
    expect(described.length).toBeGreaterThan(10)
    expect(described.sort(byName)).toEqual(rows.map((row) => ({ ...row, columns: row.columns.sort() })).sort(byName))
  })
})
