import type { IncomingMessage } from 'node:http'
import type { Sessions } from '../access/sessions.js'
import { type Config, isLoopback } from '../config.js'
import { TransientError } from '../core/errors.js'

/** Refuses requests whose Host or Origin is foreign. */
export interface OriginCheck {
  /** @throws TransientError FORBIDDEN when the host or the page that calls is foreign */
  check(request: IncomingMessage): void
}

interface OriginCheckSettings extends Pick<Config, 'allowInsecure' | 'host' | 'corsOrigins'> {
  readonly sessions: Pick<Sessions, 'isOpen'>
}

/** As it stands in the header: what a parser of addresses makes `127.0.0.1` of, like `evil.example@localhost` or `127.1`, is none. */
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

/** Builds the check from the settings. */
export function createOriginCheck({ sessions, allowInsecure, host, corsOrigins }: OriginCheckSettings): OriginCheck {
  // Playbooks run code. Without a credential only the address says who calls, and a name that an attacker's DNS points at
  // loopback must not pass for it.
  const isLocal = isLoopback(host) || !allowInsecure

  function check({ headers, rawHeaders, socket }: IncomingMessage): void {
    if (sessions.isOpen && isLocal && (!LOCAL_HOST.test(headers.host ?? '') || isNamedTwice(rawHeaders))) {
      throw new TransientError(
        'FORBIDDEN',
        'The Host of a server without a credential is localhost, 127.0.0.1 or [::1]; or set ADMIN_KEY',
      )
    }
    const { origin } = headers
    if (origin === undefined || corsOrigins.includes(origin)) return
    const named = parseUrl(`http://${headers.host ?? ''}`)
    const page = parseUrl(origin)
    const isOwn =
      page !== null && (page.host === named?.host || (isLocalName(page.hostname) && page.port === String(socket.localPort)))
    if (!isOwn) throw new TransientError('FORBIDDEN', 'Pages of another origin may not call this server')
  }

  return { check }
}

/** The credential that a request carries. */
export function credentialOf({ headers }: IncomingMessage): string | null {
  return bearerOf(headers.authorization) ?? (typeof headers['x-api-key'] === 'string' ? headers['x-api-key'] : null)
}

/** The key of `Bearer <key>`. */
export function bearerOf(authorization: unknown): string | null {
  const match = typeof authorization === 'string' ? /^Bearer +(\S+)$/i.exec(authorization.trim()) : null
  return match?.[1] ?? null
}

/** Node takes the first Host of several; a proxy may have looked at another one. */
function isNamedTwice(rawHeaders: readonly string[]): boolean {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) if (rawHeaders[index]?.toLowerCase() === 'host') hosts += 1
  return hosts > 1
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}

function isLocalName(hostname: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
