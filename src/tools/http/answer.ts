import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../core/json.js'
import { ANSWER_LIMIT } from '../outcome.js'

export class AnswerTooLarge extends Error {}

export type HeaderValues = Record<string, string | string[] | undefined>

const DECODERS: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/**
 * Reads a body, decompressed.
 * @throws AnswerTooLarge beyond 10 MiB, before and after decompression
 */
export async function readBody(stream: AsyncIterable<Buffer>, headers: HeaderValues): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > ANSWER_LIMIT) throw new AnswerTooLarge()
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const decode = DECODERS[headerText(headers, 'content-encoding').trim().toLowerCase()]
  if (!decode || bytes.length === 0) return bytes
  try {
    return await decode(bytes, { maxOutputLength: ANSWER_LIMIT })
  } catch (error) {
    if (error instanceof RangeError) throw new AnswerTooLarge()
    return bytes
  }
}

/** JSON as its value, other text as a string, nothing as null, binary as base64. */
export function parseBody(bytes: Buffer, headers: HeaderValues): JsonValue {
  if (bytes.length === 0) return null
  const type = headerText(headers, 'content-type').toLowerCase()
  const text = decodeText(bytes, type)
  if (text === null) return bytes.toString('base64')
  if (!/[/+]json\b/.test(type) && type !== '') return text
  try {
    return parseJson(text.replace(/^\uFEFF/, ''))
  } catch {
    return text
  }
}

const TEXT_TYPES =
  /^text\/|[/+](json|xml|yaml|x-yaml|javascript|ecmascript|x-www-form-urlencoded|graphql|x-ndjson|ndjson|jsonl|toml|sql|csv)\b/

function decodeText(bytes: Buffer, type: string): string | null {
  const charset = /charset="?([\w-]+)/.exec(type)?.[1] ?? 'utf-8'
  if (type !== '' && !TEXT_TYPES.test(type) && !type.includes('charset=')) return null
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(bytes)
    return type === '' && text.includes('\u0000') ? null : text
  } catch {
    return null
  }
}

/** Header names in lower case; a repeated header is one text, but for cookies. */
export function headersToJson(headers: HeaderValues): JsonObject {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, JsonValue][] => {
    if (value === undefined) return []
    return [[name.toLowerCase(), Array.isArray(value) && name.toLowerCase() !== 'set-cookie' ? value.join(', ') : value]]
  })
  const json: JsonValue = Object.fromEntries(entries)
  return isJsonObject(json) ? json : {}
}

export function headerText(headers: HeaderValues, name: string): string {
  const value = headers[name]
  return Array.isArray(value) ? (value[0] ?? '') : (value ?? '')
}
