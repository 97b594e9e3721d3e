import { isJsonObject, type JsonObject, type JsonValue, parseJson, toJsonNumber } from '../../core/json.js'

type Decoder = (text: string) => JsonValue

const NUMERIC: Decoder = (text) => (/^-?\d/.test(text) ? toJsonNumber(text) : text)
const BOOL: Decoder = (text) => text === 't' || text === 'true'
const TIMESTAMP: Decoder = (text) => text.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)/, '$1T$2')

const DECODERS: ReadonlyMap<number, Decoder> = new Map([
  [16, BOOL],
  [20, NUMERIC],
  [21, NUMERIC],
  [23, NUMERIC],
  [26, NUMERIC],
  [700, NUMERIC],
  [701, NUMERIC],
  [1700, NUMERIC],
  [114, parseJson],
  [3802, parseJson],
  [1114, TIMESTAMP],
  [1184, isoTimestamp],
])

/** Array types whose element type has a decoder, and those of plain text. */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [199, 114],
  [3807, 3802],
  [1115, 1114],
  [1185, 1184],
  ...[1002, 1003, 1009, 1014, 1015, 1041, 1182, 1183, 1187, 1270, 2951, 651].map((oid): [number, number] => [oid, 25]),
])

export interface Column {
  readonly name: string
  readonly oid: number
}

/** A row as an object: digits kept, timestamps in ISO 8601, arrays as lists, all other types as PostgreSQL prints them. */
export function decodeRow(columns: readonly Column[], row: readonly (string | null)[]): JsonObject {
  const entries = columns.map(({ name, oid }, index): [string, JsonValue] => [name, decodeValue(oid, row[index] ?? null)])
  const object: JsonValue = Object.fromEntries(entries)
  return isJsonObject(object) ? object : {}
}

function decodeValue(oid: number, text: string | null): JsonValue {
  if (text === null) return null
  const element = ARRAYS.get(oid)
  if (element !== undefined) return decodeArray(text, DECODERS.get(element) ?? ((item) => item))
  return DECODERS.get(oid)?.(text) ?? text
}

/** `2024-01-02 03:04:05.678901+02` in UTC, with its microseconds; `infinity` and years beyond 9999 as they are. */
function isoTimestamp(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?$/.exec(text)
  if (!match) return text
  const [, date, time, fraction = '', hours = '+00', minutes = '0', seconds = '0'] = match
  const sign = hours.startsWith('-') ? -1 : 1
  const offsetMs = sign * ((Math.abs(Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  const moment = new Date(Date.parse(`${date}T${time}Z`) - offsetMs)
  return `${moment.toISOString().slice(0, 19)}${(fraction || '.').padEnd(4, '0')}Z`
}

/** PostgreSQL's array text: `{1,NULL,"a\"b",{2}}`, with bounds before it where they do not start at 1. */
function decodeArray(text: string, decode: Decoder): JsonValue {
  let at = text.indexOf('{') + 1
  const items = (): JsonValue[] => {
    const list: JsonValue[] = []
    while (at < text.length && text[at] !== '}') {
      if (text[at] === ',') at += 1
      list.push(item())
    }
    at += 1
    return list
  }
  const item = (): JsonValue => {
    if (text[at] === '{') {
      at += 1
      return items()
    }
    const pattern = text[at] === '"' ? /"((?:[^"\\]|\\[\s\S])*)"/y : /[^,}]*/y
    pattern.lastIndex = at
    const match = pattern.exec(text)
    at += match?.[0].length ?? 1
    if (match?.[1] !== undefined) return decode(match[1].replace(/\\([\s\S])/g, '$1'))
    return match?.[0] === 'NULL' ? null : decode(match?.[0] ?? '')
  }
  return items()
}
