import { createHash } from 'node:crypto'
import pg from 'pg'
import type { KeptIndexes } from '../db/indexes.js'

/** The names by whose values executions and variables are found through an index (`SEARCHABLE`). */
export type Searchable = ReadonlySet<string>

export const NOTHING_SEARCHABLE: Searchable = new Set()

const PREFIX = 'idx_transient_value_'

/**
 * Of a variable `t`: it has this name, is not sensitive, and its value is the one that the SQL `value` stands for, in the words of the name's index. The name
 * is a part of the text: a plan that is made once for all parameters would not know which index it is. Values that are equal have the same hash, however they
 * are written. The values themselves are compared within a CASE, which the planner takes for likely: it would count what matches twice for as good as nothing.
 */
export function indexedEquality(name: string, value: string): string {
  const { hash, hashed } = wordsOf(name)
  return `${hashed('t.')} = ${hash(value)} AND CASE WHEN t.var_value = ${value} THEN TRUE ELSE FALSE END`
}

/** An index for each name; by the hash, as values are as long as they like. Sensitive ones are in none. */
export function valueIndexes(names: Iterable<string>): KeptIndexes {
  const wanted = [...new Set(names)].map((name) => {
    const expression = wordsOf(name).hashed('')
    return {
      name: `${PREFIX}${digestOf(expression).toString('hex', 0, 8)}`,
      definition: `((${expression}), execution_id) WHERE (${expression}) IS NOT NULL`,
      expression,
    }
  })
  return { table: 'noetl.transient', prefix: PREFIX, wanted }
}

/**
 * The hash of what has this name, and NULL of everything else: PostgreSQL knows then how many values there are of the name, which it looks for in the whole
 * table alone. Each name has a hash function of its own, by its seed.
 */
function wordsOf(name: string) {
  const seed = digestOf(name).readBigInt64BE()
  const hash = (value: string) => `jsonb_hash_extended(${value}, '${seed}'::bigint)`
  const hashed = (t: string) =>
    `CASE WHEN ${t}var_name = ${pg.escapeLiteral(name)} AND ${t}sealed IS NULL THEN ${hash(`${t}var_value`)} END`
  return { hash, hashed }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
