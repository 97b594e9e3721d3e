import type { Sql, SqlParameter } from './database.js'

export interface KeyedStatement {
  /** About one key, whose parts are `$1::<first type>`, `$2::<second type>` … */
  readonly text: string
  readonly keyTypes: readonly ('bigint' | 'integer')[]
  readonly keys: readonly (readonly (string | number)[])[]
  /** Whatever follows the key's parts, the same for all keys. */
  readonly rest?: readonly SqlParameter[]
}

/** Runs a statement about one key for each of several keys, as one statement. Answers the rows of each, in the order of the keys. */
export async function rowsByKey<Row>(sql: Sql, { text, keyTypes, keys, rest = [] }: KeyedStatement): Promise<Row[][]> {
  const [only] = keys
  if (only === undefined) return []
  if (keys.length === 1) return [await sql.rows<Row>(text, ...only, ...rest)]
  const inner = keyTypes.reduce((made, type, index) => made.replaceAll(`$${index + 1}::${type}`, `k.key_${index}`), text)
  const arrays = keyTypes.map((type, index) => `$${index + 1}::${type}[]`)
  const names = keyTypes.map((_, index) => `key_${index}`)
  const rows = await sql.rows<Row & { readonly key_number: bigint }>(
    `SELECT k.key_number, q.* FROM unnest(${arrays.join()}) WITH ORDINALITY AS k(${names.join()}, key_number) CROSS JOIN LATERAL (${inner}) q`,
    ...keyTypes.map((_, index) => keys.map((key) => String(key[index]))),
    ...rest,
  )
  const found: Row[][] = keys.map(() => [])
  for (const row of rows) found[Number(row.key_number) - 1]?.push(row)
  return found
}
