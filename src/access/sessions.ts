import { createHash } from 'node:crypto'
import { errorMessage, isTransientError, TransientError } from '../core/errors.js'
import { ANONYMOUS } from '../core/principal.js'
import { createSession, type Session, type SessionParts } from './session.js'
import type { Verified, Verifier } from './verifier.js'

/** Turns the credentials of requests into sessions, and ends these when a credential is revoked or expires. */
export interface Sessions {
  /** While no credential exists: who reaches the server over loopback is admin. */
  readonly isOpen: boolean
  /** @throws TransientError UNAUTHENTICATED */
  authenticate(given: string | null): Promise<Session>
  /** The same, with null for who is unknown. */
  find(given: string | null): Promise<Session | null>
  /** Looks at once which credentials are still good: called after keys were changed here, and every other second. */
  refresh(): Promise<void>
  close(): void
}

interface SessionsOptions extends SessionParts {
  /** In this order; the first that recognises a text decides on it. */
  readonly verifiers: readonly Verifier[]
  /** The tokens of tasks, good also while no other credential exists. */
  readonly taskTokens: Verifier
  /** Whether a credential exists: then every caller needs one. */
  readonly isClosed: () => Promise<boolean>
  readonly logger: { warn(fields: object, message: string): void }
}

interface Entry {
  readonly session: Session
  readonly verifier: Verifier
  readonly verified: Verified
  /** When it was last known to be good, and when it was last used. */
  checkedAt: number
  usedAt: number
}

const REFRESH_MS = 2_000
/** With the database away, what was good so long ago is not good enough for a new request. */
const STALE_MS = 4_000
const IDLE_MS = 60_000

/** Builds the sessions; nothing is known before the first `refresh`. */
export function createSessions(options: SessionsOptions): Sessions {
  const { verifiers, taskTokens, isClosed, logger, ...parts } = options
  const entries = new Map<string, Entry>()
  const opening = new Map<string, Promise<Session>>()
  let isOpen = false
  let anonymous = createSession(ANONYMOUS, { ...parts, rateLimit: 0 })
  let isBlind = false
  let refreshing: Promise<void> | null = null
  const timer = setInterval(() => void refreshQuietly(), REFRESH_MS).unref()

  async function open(id: string, given: string, verifier: Verifier): Promise<Session> {
    const verified = await verifier.verify(given)
    if (verified === null) throw unknown()
    const limited = verified.principal.taskId === null ? parts : { ...parts, rateLimit: 0 }
    const session = createSession(verified.principal, limited)
    const now = Date.now()
    entries.set(id, { session, verifier, verified, checkedAt: now, usedAt: now })
    verifier.used?.(verified)
    return session
  }

  async function sessionOf(given: string, verifier: Verifier): Promise<Session> {
    const id = createHash('sha256').update(given).digest('base64')
    const entry = entries.get(id)
    const now = Date.now()
    if (entry !== undefined) {
      if (isOver(entry)) end(id, entry, 'The credential has expired')
      if (entry.session.ending.reason !== null) throw entry.session.ending.reason
      const isStale = entry.verifier.stillGood !== undefined && now - entry.checkedAt > STALE_MS
      if (isStale) await recheck(entry)
      if (entry.session.ending.reason !== null) throw entry.session.ending.reason
      entry.usedAt = now
      verifier.used?.(entry.verified)
      return entry.session
    }
    const other = opening.get(id)
    if (other !== undefined) return other
    const session = open(id, given, verifier).finally(() => opening.delete(id))
    opening.set(id, session)
    return session
  }

  function end(id: string, { session }: Entry, reason: string): void {
    entries.delete(id)
    session.ending.end(new TransientError('UNAUTHENTICATED', reason))
  }

  async function look(): Promise<void> {
    const closed = await isClosed()
    if (closed && isOpen) anonymous.ending.end(new TransientError('UNAUTHENTICATED', 'A key exists now: every caller needs one'))
    if (!closed && anonymous.ending.reason !== null) anonymous = createSession(ANONYMOUS, { ...parts, rateLimit: 0 })
    isOpen = !closed
    forget()
    for (const verifier of [...verifiers, taskTokens]) await ask(verifier)
  }

  /** What has expired, and what nobody has shown for a while and nobody watches with. */
  function forget(): void {
    const now = Date.now()
    for (const [id, entry] of entries) {
      if (isOver(entry)) end(id, entry, 'The credential has expired')
      else if (now - entry.usedAt > IDLE_MS && !entry.session.ending.isWatched) entries.delete(id)
    }
  }

  async function ask(verifier: Verifier): Promise<void> {
    const known = [...entries].filter(([, entry]) => entry.verifier === verifier)
    if (known.length === 0 || verifier.stillGood === undefined) return
    const askedAt = Date.now()
    const good = new Set(await verifier.stillGood(known.map(([, { verified }]) => verified)))
    for (const [id, entry] of known) {
      if (good.has(entry.verified)) entry.checkedAt = askedAt
      else end(id, entry, 'The credential was revoked or is over')
    }
  }

  async function refresh(): Promise<void> {
    // One that began before the change that is asked about may have missed it.
    while (refreshing !== null) await refreshing.catch(() => undefined)
    refreshing = look().finally(() => {
      refreshing = null
    })
    await refreshing
  }

  /** Asks again, once for all who wait for it. */
  async function recheck(entry: Entry): Promise<void> {
    if (refreshing !== null) await refreshing.catch(() => undefined)
    if (Date.now() - entry.checkedAt > STALE_MS) await refresh()
  }

  async function refreshQuietly(): Promise<void> {
    try {
      await refresh()
      isBlind = false
    } catch (error) {
      if (!isBlind) logger.warn({ reason: errorMessage(error) }, 'credentials cannot be checked at the moment')
      isBlind = true
    }
  }

  async function authenticate(given: string | null): Promise<Session> {
    if (given !== null && taskTokens.recognises(given)) return sessionOf(given, taskTokens)
    if (isOpen) return anonymous
    if (given === null) throw missing()
    const verifier = verifiers.find((candidate) => candidate.recognises(given))
    if (verifier === undefined) throw unknown()
    return sessionOf(given, verifier)
  }

  return {
    get isOpen() {
      return isOpen
    },
    authenticate,
    async find(given) {
      try {
        return await authenticate(given)
      } catch (error) {
        if (isTransientError(error) && error.code === 'UNAUTHENTICATED') return null
        throw error
      }
    },
    refresh,
    close: () => clearInterval(timer),
  }
}

function isOver({ session: { principal } }: Entry): boolean {
  return principal.expiresAt !== null && principal.expiresAt.getTime() <= Date.now()
}

function missing(): TransientError {
  return new TransientError('UNAUTHENTICATED', 'A key is needed: Authorization: Bearer <key>, or X-API-Key')
}

function unknown(): TransientError {
  return new TransientError('UNAUTHENTICATED', 'This key is not known here')
}
