import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, numberText, stringifyJson } from '../../core/json.js'
import { BadInput } from './bad-input.js'
import { encodeText, NoText } from './charset.js'

export interface RequestBody {
  readonly body: string | Buffer | null
  /** The content type that goes with it; null where there is no body, or the author's own stands. */
  readonly type: string | null
}

const LINES = /^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)$|^application\/stream\+json$/
const KINDS =
  'a mapping can be application/json, multipart/form-data or application/x-www-form-urlencoded, a list application/json or application/x-ndjson; {{ ... | tojson }} makes a text'

/**
 * A payload as the content type wants it; JSON where there is none.
 * @throws BadInput where a payload does not fit its content type
 */
export async function bodyOf(payload: JsonValue, contentType: string | null): Promise<RequestBody> {
  if (payload === null) return { body: null, type: null }
  if (contentType === null) {
    return typeof payload === 'string'
      ? { body: payload, type: 'text/plain; charset=utf-8' }
      : { body: stringifyJson(payload), type: 'application/json' }
  }
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  if (type === 'multipart/form-data' && isJsonObject(payload)) return multipart(payload)
  if (typeof payload === 'string') {
    if (type.startsWith('multipart/') && !/;\s*boundary=/i.test(contentType)) {
      throw new BadInput(`payload: a text under ${type} needs its boundary in the header; of a mapping the body is built for you`)
    }
    return { body: encoded(payload, contentType), type: null }
  }
  return { body: encoded(textOf(payload, type), contentType), type: null }
}

function textOf(payload: JsonValue, type: string): string {
  if (LINES.test(type)) return (Array.isArray(payload) ? payload : [payload]).map((item) => `${stringifyJson(item)}\n`).join('')
  if (type.includes('json')) return stringifyJson(payload)
  if (type === 'application/x-www-form-urlencoded' && isJsonObject(payload)) return formText(payload)
  const isScalar = !Array.isArray(payload) && !isJsonObject(payload)
  if (isScalar && type.startsWith('text/')) return plainText(payload)
  const kind = Array.isArray(payload) ? 'a list' : isJsonObject(payload) ? 'a mapping' : stringifyJson(payload)
  throw new BadInput(`payload: ${kind} cannot be sent as ${type}: ${KINDS}`)
}

function encoded(text: string, contentType: string): string | Buffer {
  const charset = /;\s*charset\s*=\s*["']?([^\s;"']+)/i.exec(contentType)?.[1]
  if (charset === undefined) return text
  try {
    return encodeText(text, charset)
  } catch (error) {
    if (error instanceof NoText)
      throw new BadInput(`payload: it cannot be sent in the charset of its content-type: ${error.message}`)
    throw error
  }
}

function formText(payload: JsonObject): string {
  const form = new URLSearchParams()
  for (const [name, item] of fieldsOf(payload)) form.append(name, plainText(item))
  return form.toString()
}

/** The fields of a form: a list is a field that comes several times, null none. */
export function fieldsOf(payload: JsonObject): [string, JsonValue][] {
  return Object.entries(payload).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((item): [string, JsonValue][] => (item === null ? [] : [[name, item]])),
  )
}

async function multipart(payload: JsonObject): Promise<RequestBody> {
  const form = new FormData()
  for (const [name, item] of fieldsOf(payload)) {
    const file = fileOf(name, item)
    if (file) form.append(name, file, file.name)
    else form.append(name, plainText(item))
  }
  const encodedForm = new Response(form)
  return { body: Buffer.from(await encodedForm.arrayBuffer()), type: encodedForm.headers.get('content-type') }
}

/** A field `{filename, content}` is a file; `encoding: base64` where the content is not text. */
function fileOf(field: string, value: JsonValue): File | null {
  if (!isJsonObject(value) || typeof value.filename !== 'string' || value.content === undefined) return null
  const { filename, content, content_type: type = 'application/octet-stream', encoding = null } = value
  if (
    typeof type !== 'string' ||
    (encoding !== null && encoding !== 'base64') ||
    (encoding === 'base64' && typeof content !== 'string')
  ) {
    throw new BadInput(`payload.${field}: a file is {filename, content, content_type, encoding: base64}`)
  }
  const bytes = typeof content === 'string' && encoding === 'base64' ? Buffer.from(content, 'base64') : plainText(content)
  return new File([bytes], filename, { type })
}

/** A value as a form, a query or a header has it. */
export function plainText(value: JsonValue): string {
  if (typeof value === 'string') return value
  return isJsonNumber(value) ? numberText(value) : stringifyJson(value)
}
