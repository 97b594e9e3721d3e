import type { Sql, SqlParameter, TextRow } from './database.js'

export interface KeyedStatement {
  /** About one key, whose parts are `$1::<first type>`, `$2::<second type>` … */
  readonly text: string
  readonly keyTypes: readonly ('bigint' | 'integer')[]
  readonly keys: readonly (readonly (string | number)[])[]
  /** Whatever follows the key's parts, the same for all keys. */
  readonly rest?: readonly SqlParameter[]
}

/** Runs a statement about one key for each of several keys, as one statement. Answers the rows of each, in the order of the keys. */
export async function rowsByKey<Row>(sql: Sql, statement: KeyedStatement): Promise<Row[][]> {
  const { keys } = statement
  if (keys.length <= 1) return Promise.all(keys.map((key) => sql.rows<Row>(statement.text, ...key, ...(statement.rest ?? []))))
  const { text, parameters } = forAllKeys(statement)
  const rows = await sql.rows<Row & { readonly key_number: bigint }>(text, ...parameters)
  const found: Row[][] = keys.map(() => [])
  for (const row of rows) found[Number(row.key_number) - 1]?.push(row)
  return found
}

/** How many rows there are of each key, or altogether; `from` is what stands after FROM, with its condition. */
export async function countsByKey(
  sql: Sql,
  { from, keyTypes = [], keys = [[]], rest = [] }: { readonly from: string } & Partial<Omit<KeyedStatement, 'text'>>,
): Promise<number[]> {
  const found = await rowsByKey<{ readonly count: bigint }>(sql, {
    ...{ text: `SELECT count(*) AS count FROM ${from}`, keyTypes, keys, rest },
  })
  return found.map(([row]) => Number(row?.count ?? 0))
}

/** The same for rows as texts. */
export async function textsByKey(sql: Sql, statement: KeyedStatement): Promise<TextRow[][]> {
  const { keys } = statement
  if (keys.length <= 1) return Promise.all(keys.map((key) => sql.texts(statement.text, ...key, ...(statement.rest ?? []))))
  const { text, parameters } = forAllKeys(statement)
  const found: TextRow[][] = keys.map(() => [])
  for (const row of await sql.texts(text, ...parameters)) found[Number(row.at(-1)) - 1]?.push(row)
  return found
}

/** The number of a row's key, from 1, is its last column. */
function forAllKeys({ text, keyTypes, keys, rest = [] }: KeyedStatement): { text: string; parameters: SqlParameter[] } {
  const inner = keyTypes.reduce((made, type, index) => made.replaceAll(`$${index + 1}::${type}`, `k.key_${index}`), text)
  const arrays = keyTypes.map((type, index) => `$${index + 1}::${type}[]`)
  const names = keyTypes.map((_, index) => `key_${index}`)
  return {
    text: `SELECT q.*, k.key_number FROM unnest(${arrays.join()}) WITH ORDINALITY AS k(${names.join()}, key_number) CROSS JOIN LATERAL (${inner}) q`,
    parameters: [...keyTypes.map((_, index) => keys.map((key) => String(key[index]))), ...rest],
  }
}
