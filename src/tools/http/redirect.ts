import { BadInput } from './bad-input.js'
import type { HttpRequest } from './request.js'
import { type HeaderValues, headerText } from './response.js'

export const MAX_REDIRECTS = 5

interface RedirectOptions {
  readonly current: HttpRequest
  readonly statusCode: number
  readonly headers: HeaderValues
  /** Not sent on to another origin. */
  readonly secretHeaders: ReadonlySet<string>
}

/** The request that a redirect asks for, or null where the response is none. */
export function follow({ current, statusCode, headers, secretHeaders }: RedirectOptions): HttpRequest | null {
  const location = headerText(headers, 'location')
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === '') return null
  const url = URL.canParse(location, current.url) ? new URL(location, current.url) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new BadInput(`${current.url.origin} redirects to an address that is not an http or https URL`)
  }
  url.username = ''
  url.password = ''
  const isSameOrigin = url.origin === current.url.origin
  const becomesGet = (statusCode === 303 && current.method !== 'HEAD') || (statusCode < 303 && current.method === 'POST')
  const kept = Object.entries(current.headers).filter(
    ([name]) => (isSameOrigin || !secretHeaders.has(name)) && !(becomesGet && name.startsWith('content-')),
  )
  return {
    method: becomesGet ? 'GET' : current.method,
    url,
    headers: Object.fromEntries(kept),
    body: becomesGet ? null : current.body,
  }
}
