import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TriggerRecord } from './record.js'

/** A request as it came: nothing of it is parsed before its signature holds. */
export interface RawRequest {
  readonly body: Buffer
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** How far a sender's clock may be off, and how long a request may be on its way. */
const WINDOW_MS = 600_000

/** Why a request is not the sender's; null: it is. `secrets`: those that are live. */
export function signatureFault(
  { preset, signatureHeader }: Pick<TriggerRecord, 'preset' | 'signatureHeader'>,
  request: RawRequest,
  { secrets, now }: { readonly secrets: readonly string[]; readonly now: Date },
): string | null {
  const { headers, body } = request
  if (preset === 'stripe') return stripeFault(headers['stripe-signature'], body, { secrets, now })
  if (preset === 'slack') {
    const timestamp = headers['x-slack-request-timestamp'] ?? ''
    const signature = headers['x-slack-signature'] ?? ''
    const late = lateness(timestamp, now)
    if (late) return late
    return isSigned(`v0:${timestamp}:`, body, { given: [signature.replace(/^v0=/, '')], secrets }) ? null : WRONG
  }
  const name = preset === 'github' ? 'x-hub-signature-256' : signatureHeader?.toLowerCase()
  if (name === undefined) return keyFault(headers, secrets)
  const given = headers[name]
  if (given === undefined) return `the header ${name} is missing`
  return isSigned('', body, { given: [given.trim().replace(/^sha256=/i, '')], secrets }) ? null : WRONG
}

const WRONG = 'the signature does not hold'

/** `t=1492774577,v1=5257a8...,v1=...` */
function stripeFault(
  header: string | undefined,
  body: Buffer,
  { secrets, now }: { readonly secrets: readonly string[]; readonly now: Date },
): string | null {
  if (header === undefined) return 'the header stripe-signature is missing'
  const parts = header.split(',').map((part) => part.trim().split('=', 2) as [string, string | undefined])
  const timestamp = parts.find(([key]) => key === 't')?.[1] ?? ''
  const late = lateness(timestamp, now)
  if (late) return late
  const given = parts.flatMap(([key, value]) => (key === 'v1' && value !== undefined ? [value] : []))
  return isSigned(`${timestamp}.`, body, { given, secrets }) ? null : WRONG
}

function lateness(timestamp: string, now: Date): string | null {
  if (!/^\d{1,12}$/.test(timestamp)) return 'its timestamp is missing'
  const offMs = Math.abs(now.getTime() - Number(timestamp) * 1000)
  return offMs <= WINDOW_MS ? null : 'its timestamp is more than ten minutes off'
}

interface Signed {
  /** Signatures in hex; one must hold. */
  readonly given: readonly string[]
  readonly secrets: readonly string[]
}

function isSigned(before: string, body: Buffer, { given, secrets }: Signed): boolean {
  const expected = secrets.map((secret) => createHmac('sha256', secret).update(before).update(body).digest())
  return given.some((hex) => {
    if (!/^[0-9a-f]{64}$/i.test(hex)) return false
    const bytes = Buffer.from(hex, 'hex')
    return expected.some((one) => timingSafeEqual(one, bytes))
  })
}

/** The secret itself, shown as a key. */
function keyFault(headers: RawRequest['headers'], secrets: readonly string[]): string | null {
  const given = headers['x-api-key'] ?? /^Bearer +(\S+)$/i.exec(headers['authorization'] ?? '')?.[1]
  if (given === undefined) return 'no key is shown: send it as "Authorization: Bearer <key>" or X-API-Key'
  const digest = (text: string) => createHmac('sha256', 'transient').update(text).digest()
  return secrets.some((secret) => timingSafeEqual(digest(secret), digest(given))) ? null : 'the key is another'
}
