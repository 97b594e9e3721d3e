import type { ExecutionId } from '../core/ids.js'
import type { VariableType, WebhookEvent } from '../core/status.js'

/** `disabled`: the receiver said that it is gone. */
export const WEBHOOK_STATES = ['active', 'paused', 'disabled'] as const
export type WebhookState = (typeof WEBHOOK_STATES)[number]

/** What a hook is told of: all that is given must hold. */
export interface WebhookFilter {
  readonly pathPrefix: string | null
  readonly events: readonly WebhookEvent[]
  /** Of variables, as in a watch. */
  readonly names: readonly string[] | null
  readonly types: readonly VariableType[] | null
  /** Changes by these are left out: `api:<key name>`, `step:<name>`. */
  readonly exceptActors: readonly string[]
  /** A condition: only the changes with which it becomes true. */
  readonly when: string | null
}

/** One webhook, without its secrets. */
export interface WebhookRecord extends WebhookFilter {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly state: WebhookState
  /** Why it is not active. */
  readonly reason: string | null
  /** Rises with each change of what it selects. */
  readonly version: number
  readonly createdAt: Date
}

/** How far a hook has got with an execution. */
export interface DeliveryRecord {
  readonly executionId: ExecutionId
  readonly deliveredRevision: number
  readonly pendingRevision: number
  /** Failed tries of what comes next. */
  readonly attempts: number
  /** null: nothing is left to send, or it was given up. */
  readonly nextAttemptAt: Date | null
  readonly lastStatus: number | null
  readonly lastError: string | null
  readonly deliveredAt: Date | null
}

/** A place in an execution's change log, and among its events. */
export interface Position {
  readonly revision: number
  /** The last change of the next revision that is behind it: of a revision that is larger than a request. */
  readonly part: number
  readonly seq: number
}

/** A request to send: everything from one position to another, as far as it fits. */
export interface Claim {
  readonly webhookId: string
  readonly executionId: ExecutionId
  readonly from: Position
  readonly target: Omit<Position, 'part'>
  readonly round: number
  /** Failed tries before this one. */
  readonly attempts: number
  /** Since when it fails, in seconds. */
  readonly failingSeconds: number
  /** The hook's last request failed. */
  readonly isHookFailing: boolean
  /** Names this try: whoever has another is too late. */
  readonly token: string
}
