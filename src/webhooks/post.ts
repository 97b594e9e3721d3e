import { type Agent, request } from 'undici'
import { errorMessage } from '../core/errors.js'
import { linkSignals } from '../core/linked-signal.js'
import { type AddressPolicyOptions, createAddressPolicy } from '../tools/http/address-policy.js'
import { createAgent } from '../tools/http/connect.js'
import { describeFault } from '../tools/http/fault.js'

const TIMEOUT_MS = 10_000
/** What of an answer is read, so that the connection can be used again; nobody looks at it. */
const READ_BYTES = 64 * 1024
const MAX_RETRY_AFTER_MS = 24 * 3_600_000

export interface Posting {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Aborted when this process stops. */
  readonly signal: AbortSignal
}

export interface Answer {
  /** null: there was none. */
  readonly status: number | null
  /** null: it was acknowledged. */
  readonly error: string | null
  /** When the receiver asked to be tried again. */
  readonly retryAfterMs: number | null
}

/** Sends requests to receivers. */
export interface Poster {
  /** Why an address may not be reached, as far as its URL tells; null: it may. */
  refusal(url: URL): string | null
  post(posting: Posting): Promise<Answer>
  close(): Promise<void>
}

/** Under the same guard of addresses as the http tool. Redirects are not followed: they would lead to where nobody checked. */
export function createPoster(addresses: AddressPolicyOptions): Poster {
  const policy = createAddressPolicy(addresses)
  const agent: Agent = createAgent({ policy, isCertificateChecked: true })
  return {
    refusal(url) {
      const host = url.hostname.replace(/^\[|\]$/g, '')
      const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
      const isName = !/^[\d.]+$/.test(host) && !host.includes(':')
      return isName ? null : policy({ host, port, address: host })
    },
    async post({ url, headers, body, signal }) {
      const { signal: limit, release } = linkSignals([signal], { timeoutMs: TIMEOUT_MS })
      try {
        const given = { 'content-type': 'application/json', 'user-agent': 'transient', ...headers }
        const response = await request(url, { method: 'POST', headers: given, body, dispatcher: agent, signal: limit })
        const { statusCode: status } = response
        await response.body.dump({ limit: READ_BYTES, signal: limit }).catch(() => undefined)
        return { status, error: faultOf(status), retryAfterMs: retryAfter(response.headers['retry-after']) }
      } catch (error) {
        const isLate = limit.aborted && !signal.aborted
        const fault = isLate
          ? `no answer after ${TIMEOUT_MS / 1000} s`
          : (describeFault(error, new URL(url)) ?? errorMessage(error))
        return { status: null, error: fault, retryAfterMs: null }
      } finally {
        release()
      }
    },
    close: () => agent.destroy(),
  }
}

function faultOf(status: number): string | null {
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400)
    return `the receiver answered ${status}: redirects are not followed, so give the address that it leads to`
  return `the receiver answered ${status}`
}

/** Seconds, or a time. */
function retryAfter(header: string | readonly string[] | undefined): number | null {
  const text = typeof header === 'string' ? header.trim() : ''
  if (text === '') return null
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : null
}
