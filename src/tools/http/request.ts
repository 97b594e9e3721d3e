import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, numberText, stringifyJson } from '../../core/json.js'

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** What is wrong with an input, in words for the author of the playbook. */
export class BadInput extends Error {}

/** The request that an input means, but for its credential. */
export function buildRequest(input: JsonObject, idempotencyKey: string): HttpRequest {
  const payload = input.payload ?? null
  const method = (
    typeof input.method === 'string' && input.method !== '' ? input.method : payload === null ? 'GET' : 'POST'
  ).toUpperCase()
  if (!/^[A-Z][A-Z-]*$/.test(method)) throw new BadInput(`method: "${method.slice(0, 40)}" is no HTTP method`)
  const url = urlOf(input.endpoint ?? null)
  addQuery(url, input.params ?? null)
  const headers: Record<string, string> = {
    accept: 'application/json, */*;q=0.8',
    'user-agent': 'transient',
    'idempotency-key': idempotencyKey,
  }
  addUserInfo(url, headers)
  const body = bodyOf(payload, headers, input.headers ?? null)
  return { method, url, headers: { ...headers, ...headersOf(input.headers ?? null) }, body }
}

function urlOf(endpoint: JsonValue): URL {
  const text = typeof endpoint === 'string' ? endpoint.trim() : ''
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BadInput(`endpoint: ${stringifyJson(endpoint).slice(0, 200)} is no http or https URL`)
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
  for (const [name, value] of Object.entries(params)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== null) url.searchParams.append(name, plainText(item))
    }
  }
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
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new BadInput(`headers: "${name.slice(0, 60)}" is no header name`)
    if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
      throw new BadInput(`headers.${name}: the value has characters that a header cannot hold`)
    headers[name.toLowerCase()] = text
  }
  return headers
}

function bodyOf(payload: JsonValue, headers: Record<string, string>, given: JsonValue): string | null {
  if (payload === null) return null
  const type = headersOf(given)['content-type'] ?? ''
  if (typeof payload === 'string') {
    headers['content-type'] = 'text/plain; charset=utf-8'
    return payload
  }
  if (/^application\/x-www-form-urlencoded/i.test(type) && isJsonObject(payload)) {
    const form = new URL('http://form')
    addQuery(form, payload)
    return form.searchParams.toString()
  }
  headers['content-type'] = 'application/json'
  return stringifyJson(payload)
}

function plainText(value: JsonValue): string {
  if (typeof value === 'string') return value
  return isJsonNumber(value) ? numberText(value) : stringifyJson(value)
}
