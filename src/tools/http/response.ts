import { errorMessage } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../core/json.js'
import { ANSWER_LIMIT } from '../outcome.js'
import { decodeText, NoText } from './charset.js'
import { AnswerTooLarge, NotUnpacked, unpack } from './content-encoding.js'

export type HeaderValues = Record<string, string | string[] | undefined>

/** A body as the step's value. */
export interface Body {
  readonly data: JsonValue
  /** Of bytes that are no text: `data` is their base64. */
  readonly isBase64: boolean
  /** Why it is not what its headers say, in words that follow "the answer"; null where all is well. */
  readonly fault: string | null
  /** What its headers leave open, and how it was read. */
  readonly note: string | null
}

export const NO_BODY: Body = { data: null, isBase64: false, fault: null, note: null }

/**
 * Reads a body, unpacked and decoded: JSON as its value, other text as a string, nothing as null, binary as base64.
 * @throws AnswerTooLarge beyond 10 MiB, packed and unpacked
 */
export async function readBody(stream: AsyncIterable<Buffer>, headers: HeaderValues): Promise<Body> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > ANSWER_LIMIT) throw new AnswerTooLarge()
    chunks.push(chunk)
  }
  try {
    return parseBody(await unpack(Buffer.concat(chunks), headerTexts(headers, 'content-encoding').join(',')), headers)
  } catch (error) {
    if (error instanceof NotUnpacked) return { ...NO_BODY, fault: error.message }
    throw error
  }
}

const TEXT_TYPES =
  /^text\/|[/+](?:x-)?(?:json[\w-]*|jsonl|ndjson|xml|yaml|javascript|ecmascript|www-form-urlencoded|graphql|toml|sql|csv)(?:-[\w.+-]*)?$/
const JSON_TYPES = /[/+](?:x-)?json$/
/** Called JSON, and many documents in a row. */
const STREAMS = new Set(['application/stream+json'])
/** What a text without a charset may be in: bytes that stand for nothing a text has are none. */
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/

function parseBody(bytes: Buffer, headers: HeaderValues): Body {
  if (bytes.length === 0) return NO_BODY
  const header = headerText(headers, 'content-type')
  const type = (header.split(';')[0] ?? '').trim().toLowerCase()
  const charset = /;\s*charset\s*=\s*["']?([^\s;"']+)/i.exec(header)?.[1] ?? null
  const asBase64: Body = { ...NO_BODY, data: bytes.toString('base64'), isBase64: true }
  const isText = TEXT_TYPES.test(type)
  try {
    if (charset === null && isText && !JSON_TYPES.test(type)) return parseUnlabelled(bytes, type) ?? asBase64
    const text = decodeText(bytes, charset ?? 'utf-8')
    if (JSON_TYPES.test(type) && !STREAMS.has(type)) return parseDeclaredJson(text, type)
    if (type === '') return text.includes('\u0000') ? asBase64 : { ...NO_BODY, data: parsed(text) }
    return isText || charset !== null ? { ...NO_BODY, data: text } : asBase64
  } catch (error) {
    if (error instanceof NoText) return isText ? { ...asBase64, fault: error.message } : asBase64
    throw error
  }
}

function parseDeclaredJson(text: string, type: string): Body {
  if (text.trim() === '') return NO_BODY
  try {
    return { ...NO_BODY, data: parseJson(text) }
  } catch (error) {
    return { ...NO_BODY, data: text, fault: `calls itself ${type} and is not JSON: ${errorMessage(error)}` }
  }
}

/** Nobody says that it is JSON. */
function parsed(text: string): JsonValue {
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

/** Text without a charset: what the document says of itself, UTF-8, or what the web takes the rest for. Null for binary. */
function parseUnlabelled(bytes: Buffer, type: string): Body | null {
  const declared = /xml|html/.test(type) ? charsetInside(bytes) : null
  if (declared !== null) return { ...NO_BODY, data: decodeText(bytes, declared) }
  try {
    return { ...NO_BODY, data: decodeText(bytes, 'utf-8') }
  } catch (error) {
    if (!(error instanceof NoText) || !/^text\/|[/-]csv$/.test(type)) throw error
    const text = decodeText(bytes, 'windows-1252')
    const note = `${type} without a charset that is not UTF-8 was read as windows-1252`
    return BINARY.test(text) ? null : { ...NO_BODY, data: text, note }
  }
}

function charsetInside(bytes: Buffer): string | null {
  const head = bytes.subarray(0, 1024).toString('latin1')
  const found = /^\s*<\?xml[^>]*\sencoding=["']([\w.:-]+)/.exec(head) ?? /<meta[^>]*\scharset=["']?([\w.:-]+)/i.exec(head)
  return found?.[1] ?? /<meta[^>]*\scontent=["'][^"'>]*charset=([\w.:-]+)/i.exec(head)?.[1] ?? null
}

/** Header names in lower case; a repeated header is one text, except for cookies. */
export function headersToJson(headers: HeaderValues): JsonObject {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, JsonValue][] => {
    if (value === undefined) return []
    return [[name.toLowerCase(), Array.isArray(value) && name.toLowerCase() !== 'set-cookie' ? value.join(', ') : value]]
  })
  const json: JsonValue = Object.fromEntries(entries)
  return isJsonObject(json) ? json : {}
}

/** A header's value; of one that came several times, the first. */
export function headerText(headers: HeaderValues, name: string): string {
  return headerTexts(headers, name)[0] ?? ''
}

function headerTexts(headers: HeaderValues, name: string): readonly string[] {
  const value = headers[name]
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}
