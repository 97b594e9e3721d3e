import type { Role } from '../core/principal.js'

/** One row of `transient.api_key`, without its hash. */
export interface ApiKeyRecord {
  /** The part between `tr_` and the secret. */
  readonly id: string
  /** Whose key it is: `api:<name>` in change log and audit. Two may live at once, so that one can follow the other. */
  readonly name: string
  readonly role: Role
  readonly createdAt: Date
  readonly createdBy: string
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  /** To the minute. */
  readonly lastUsedAt: Date | null
}
