import type { ExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'

/** Senders whose way of signing is known. */
export const PRESETS = ['github', 'stripe', 'slack'] as const
export type Preset = (typeof PRESETS)[number]

/** Which playbook requests to a name start, and how it is known who sends them. */
export interface TriggerInput {
  readonly name: string
  readonly path: string
  /** By default the latest at that time. */
  readonly version?: number | null | undefined
  readonly preset?: string | null | undefined
  /** Templates over `body` and `headers`; by default `{body: <the body>}`. */
  readonly workload?: JsonObject | null | undefined
  /** What a repetition is known by; by default the body. */
  readonly idempotencyHeader?: string | null | undefined
  /** Holds the HMAC-SHA256 of the body in hex; without it, and without a preset, the secret itself is shown as a key. */
  readonly signatureHeader?: string | null | undefined
  /** The sender's own; by default one is made. */
  readonly secret?: string | null | undefined
  readonly isPaused?: boolean | null | undefined
}

export interface TriggerRecord {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly version: number | null
  readonly preset: Preset | null
  readonly workload: JsonObject | null
  readonly idempotencyHeader: string | null
  readonly signatureHeader: string | null
  readonly isPaused: boolean
}

/** `answered`: a question of the sender's own, which starts nothing. */
export type TriggerOutcome = 'started' | 'repeated' | 'refused' | 'answered'

/** One request, and what came of it. */
export interface TriggerDelivery {
  readonly receivedAt: Date
  readonly outcome: TriggerOutcome
  readonly executionId: ExecutionId | null
  /** Why it was refused. */
  readonly reason: string | null
}
