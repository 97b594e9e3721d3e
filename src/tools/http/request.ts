import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../../core/json.js'
import { BadInput } from './bad-input.js'
import { bodyOf, fieldsOf, plainText } from './payload.js'

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | null
}

/**
 * The request that an input means, except for its credential.
 * @throws BadInput
 */
export async function buildRequest(input: JsonObject, idempotencyKey: string): Promise<HttpRequest> {
  const payload = input.payload ?? null
  const method = (
    typeof input.method === 'string' && input.method !== '' ? input.method : payload === null ? 'GET' : 'POST'
  ).toUpperCase()
  if (!/^[A-Z][A-Z-]*$/.test(method)) throw new BadInput(`method: "${method.slice(0, 40)}" is not an HTTP method`)
  const url = urlOf(input.endpoint ?? null)
  addQuery(url, input.params ?? null)
  const headers: Record<string, string> = {
    accept: 'application/json, */*;q=0.8',
    'user-agent': 'transient',
    'idempotency-key': idempotencyKey,
  }
  addUserInfo(url, headers)
  const given = headersOf(input.headers ?? null)
  const { body, type } = await bodyOf(payload, given['content-type'] || null)
  return { method, url, headers: { ...headers, ...given, ...(type === null ? {} : { 'content-type': type }) }, body }
}

function urlOf(endpoint: JsonValue): URL {
  const text = typeof endpoint === 'string' ? endpoint.trim() : ''
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BadInput(`endpoint: ${stringifyJson(endpoint).slice(0, 200)} is not an http or https URL`)
  }
  url.hash = ''
  return url
}

function addQuery(url: URL, params: JsonValue): void {
  if (params === null) return
  if (typeof params === 'string') {
    for (const [name, value] of new URLSearchParams(params)) url.searchParams.append(name, value)
    return
  }
  if (!isJsonObject(params)) throw new BadInput('params: a mapping from names to values is needed')
  for (const [name, item] of fieldsOf(params)) url.searchParams.append(name, plainText(item))
}

/** A name and a password in the URL become a header, so that no message shows them. */
function addUserInfo(url: URL, headers: Record<string, string>): void {
  if (url.username === '' && url.password === '') return
  headers.authorization = basicAuth(decodeURIComponent(url.username), decodeURIComponent(url.password))
  url.username = ''
  url.password = ''
}

/** The value of an `Authorization` header of the scheme Basic. */
export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function headersOf(value: JsonValue): Record<string, string> {
  if (value === null) return {}
  if (!isJsonObject(value)) throw new BadInput('headers: a mapping from names to values is needed')
  const headers: Record<string, string> = {}
  for (const [name, item] of Object.entries(value)) {
    if (item === null) continue
    const text = Array.isArray(item) ? item.map(plainText).join(', ') : plainText(item)
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new BadInput(`headers: "${name.slice(0, 60)}" is not a header name`)
    if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
      throw new BadInput(`headers.${name}: the value has characters that a header cannot hold`)
    headers[name.toLowerCase()] = text
  }
  return headers
}
