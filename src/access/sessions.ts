import { createHash, timingSafeEqual } from 'node:crypto'
import { TransientError } from '../core/errors.js'
import { ADMIN, ANONYMOUS } from '../core/principal.js'
import { createSession, type Session, type SessionParts } from './session.js'

/** Turns what a request shows into a session. */
export interface Sessions {
  /** While no credential exists: who reaches the server over loopback is admin. */
  readonly isOpen: boolean
  /** @throws TransientError UNAUTHENTICATED */
  authenticate(given: string | null): Promise<Session>
}

interface SessionsOptions extends SessionParts {
  readonly adminKey: string | null
}

/** Builds the sessions from the settings. */
export function createSessions({ adminKey, ...parts }: SessionsOptions): Sessions {
  const expected = adminKey === null ? null : digest(adminKey)
  const only = createSession(expected === null ? ANONYMOUS : ADMIN, parts)
  return {
    isOpen: expected === null,
    async authenticate(given) {
      if (expected === null) return only
      if (given !== null && timingSafeEqual(digest(given), expected)) return only
      throw new TransientError(
        'UNAUTHENTICATED',
        given === null ? 'A key is needed: Authorization: Bearer <key>, or X-API-Key' : 'This key is not known here',
      )
    },
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
