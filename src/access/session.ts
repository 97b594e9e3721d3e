import { randomUUID } from 'node:crypto'
import type { Principal } from '../core/principal.js'
import type { Services } from '../orchestrator/services.js'
import { servicesFor } from './bind.js'
import { createEnding, type Ending } from './ending.js'
import { createRate } from './rate.js'
import type { AuditAction } from './rule.js'

/** One credential at work: who it is, and services that do what that caller may. */
export interface Session {
  /** Sessions with the same id see the same, and end together. */
  readonly id: string
  readonly principal: Principal
  /** Every call is checked. */
  readonly services: Services
  /** Ends with the credential. */
  readonly ending: Ending
  /** Counts a request. @throws TransientError RATE_LIMITED; the ending's reason when it has ended */
  admit(): void
}

/** Records what a caller did. */
export type RecordAction = (principal: Principal, action: AuditAction) => void

export interface SessionParts {
  readonly services: Services
  readonly note: RecordAction
  /** Requests a second; 0, or left out: no limit. */
  readonly rateLimit?: number
}

export function createSession(principal: Principal, { services, note, rateLimit = 0 }: SessionParts): Session {
  const ending = createEnding()
  const take = createRate(rateLimit)
  return {
    id: randomUUID(),
    principal,
    ending,
    services: servicesFor(services, { principal, ending, note: (action) => note(principal, action) }),
    admit() {
      if (ending.reason !== null) throw ending.reason
      take()
    },
  }
}
