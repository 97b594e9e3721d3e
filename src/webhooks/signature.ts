import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { Claim, WebhookRecord } from './record.js'

const PREFIX = 'whsec_'
const SECRET_BYTES = 32

/** A new secret, as Standard Webhooks writes it. */
export function newSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`
}

export interface Message {
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly body: string
}

/** The headers of Standard Webhooks: a signature for each secret that is live, the newest first. */
export function signedHeaders({ id, timestamp, body }: Message, secrets: readonly string[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') }
}

/** The same for each try of one request, and no other's. */
export function messageId({ version }: WebhookRecord, { webhookId, executionId, from, target, round }: Claim): string {
  const parts = [webhookId, version, executionId, round, from.revision, from.part, from.seq, target.revision, target.seq]
  return `msg_${createHash('sha256').update(parts.join(' ')).digest('base64url').slice(0, 27)}`
}
