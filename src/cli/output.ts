import Table from 'cli-table3'
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../core/json.js'

export const FORMATS = ['table', 'json', 'jsonl'] as const
export type Format = (typeof FORMATS)[number]

const MAX_CELL = 60

/** Orders to a terminal, except ends of lines, tabs, and the colours that this command line paints with. */
const ORDERS = /(?!\u001b\[\d{1,2}m)[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g

/** A text that a terminal only shows: names, errors and logs of others may hold what would move its cursor or set its title. */
export function printable(text: string): string {
  return text.replace(ORDERS, (order) => `\\u${order.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A value as one short line. */
export function shortJson(value: JsonValue, max = MAX_CELL): string {
  const text = stringifyJson(value)
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}

function cell(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : shortJson(value)
}

function prettyJson(value: JsonValue, indent = ''): string {
  const inner = `${indent}  `
  if (Array.isArray(value) && value.length > 0) {
    return `[\n${value.map((item) => inner + prettyJson(item, inner)).join(',\n')}\n${indent}]`
  }
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${prettyJson(item, inner)}`)
    return `{\n${lines.join(',\n')}\n${indent}}`
  }
  return stringifyJson(value)
}

const BORDERS = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
const RULES = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle']

function table(rows: readonly JsonObject[], columns: readonly string[]): string {
  const chars = Object.fromEntries([...BORDERS, ...RULES].map((name) => [name, name === 'middle' ? '  ' : '']))
  const made = new Table({ head: [...columns], chars, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } })
  for (const row of rows)
    made.push(columns.map((column) => (column === 'value' ? shortJson(row[column] ?? null) : cell(row[column]))))
  const lines = made.toString().split('\n')
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** Rows in the format asked for; `columns` are those of the table. */
export function formatRows(rows: readonly JsonObject[], columns: readonly string[], format: Format): string {
  if (format === 'json') return prettyJson([...rows])
  if (format === 'jsonl') return rows.map(stringifyJson).join('\n')
  return rows.length === 0 ? '' : table(rows, columns)
}

/** One thing in the format asked for; as a table, a line per field. */
export function formatOne(row: JsonObject, format: Format): string {
  if (format === 'json') return prettyJson(row)
  if (format === 'jsonl') return stringifyJson(row)
  const width = Math.max(...Object.keys(row).map((key) => key.length))
  return Object.entries(row)
    .map(([key, value]) => `${key.padEnd(width)}  ${cell(value)}`.trimEnd())
    .join('\n')
}
