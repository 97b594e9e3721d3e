import type { ExecutionId } from '../core/ids.js'

/** What the audit knows of. `variable.revealed`, `global.revealed`: a sensitive value was shown. */
export const AUDIT_ACTIONS = [
  'execution.started',
  'execution.rerun',
  'execution.cancelled',
  'playbook.registered',
  'variables.written',
  'variables.deleted',
  'variable.revealed',
  'globals.written',
  'globals.deleted',
  'global.revealed',
  'encryption.rotated',
  'key.created',
  'key.revoked',
  'webhook.created',
  'webhook.updated',
  'webhook.paused',
  'webhook.resumed',
  'webhook.deleted',
  'webhook.secret_rotated',
  'webhook.redelivered',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

export interface NewAuditEntry {
  readonly occurredAt: Date
  /** `api:<key name>`, `jwt:<subject>` or `step:<name>`. */
  readonly actor: string
  /** The API key that was presented. */
  readonly keyId: string | null
  readonly action: string
  readonly executionId: ExecutionId | null
  /** What else it was about: a playbook's path and version, a key, the only variable, a space. */
  readonly subject: string | null
  /** How many variables, where it is about variables. */
  readonly count: number
}

/** One row of `transient.audit`. */
export interface AuditEntry extends NewAuditEntry {
  readonly seq: string
}

export interface AuditRequest {
  readonly executionId?: ExecutionId | null | undefined
  readonly actor?: string | null | undefined
  readonly action?: string | null | undefined
  readonly since?: Date | null | undefined
  /** Not included. */
  readonly until?: Date | null | undefined
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  /** Aborted when the caller has left. */
  readonly signal?: AbortSignal | undefined
}
