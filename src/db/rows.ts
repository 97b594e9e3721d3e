import pg from 'pg'
import type { SqlParameter } from './database.js'

const INT8 = 20
const INT8_ARRAY = 1016

/** A BIGINT is a bigint always; the driver's own parsers give text. */
const OURS: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: BigInt,
  [INT8_ARRAY]: (text) =>
    text === '{}'
      ? []
      : text
          .slice(1, -1)
          .split(',')
          .map((item) => (item === 'NULL' ? null : BigInt(item))),
}

export interface Column {
  readonly name: string
  /** The type's number in PostgreSQL. */
  readonly type: number
  readonly parse: (text: string) => unknown
}

/** Columns as PostgreSQL describes them. */
export function columnsOf(fields: readonly { readonly name: string; readonly dataTypeID: number }[]): Column[] {
  return fields.map(({ name, dataTypeID: type }) => ({ name, type, parse: OURS[type] ?? pg.types.getTypeParser(type, 'text') }))
}

/** One row, by name, from the texts that PostgreSQL sent. */
export function readRow(columns: readonly Column[], texts: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [index, { name, parse }] of columns.entries()) {
    const text = texts[index] ?? null
    row[name] = text === null ? null : parse(text)
  }
  return row
}

/** How parameters travel: as text, which the casts in the SQL give its type. */
export function toWire(parameter: SqlParameter): string | number | boolean | null | string[] {
  if (typeof parameter === 'bigint') return String(parameter)
  if (parameter instanceof Date) return parameter.toISOString()
  return typeof parameter === 'object' && parameter !== null ? [...parameter] : parameter
}
