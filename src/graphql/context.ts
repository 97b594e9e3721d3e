import { setMaxListeners } from 'node:events'
import type { Session } from '../access/session.js'
import type { Services } from '../orchestrator/services.js'
import type { Progress } from './carried-out.js'
import type { WatchPlace } from './result-stream.js'

/** What every resolver gets. */
export interface GraphQLContext {
  /** Who calls. */
  readonly session: Session
  /** The session's: every call is checked. */
  readonly services: Services
  /** What change log and audit say of the caller. */
  readonly actor: string
  /** Aborted when the caller has left: what is still read for it need not be. */
  readonly signal: () => AbortSignal
  /** How far the document's mutations have come. */
  readonly progress?: Progress
  /** Of a subscription: where it goes on, and how far it came. */
  readonly place?: WatchPlace
}

/** Whether the caller of an operation is still there. Most operations never ask, so that the signal is made at the first call. */
export interface Presence {
  readonly signal: () => AbortSignal
  leave(): void
}

/** Of a caller that is there. */
export function createPresence(): Presence {
  let abort: AbortController | null = null
  let isGone = false
  return {
    signal() {
      if (abort === null) {
        abort = new AbortController()
        // As many listen as there are reads at the same time.
        setMaxListeners(0, abort.signal)
        if (isGone) abort.abort()
      }
      return abort.signal
    },
    leave() {
      isGone = true
      abort?.abort()
    },
  }
}

/** Of what many callers share, or nobody waits for. */
export const ALWAYS_THERE: Presence = createPresence()

export function contextOf(session: Session, presence: Presence = ALWAYS_THERE): GraphQLContext {
  return { session, services: session.services, actor: session.principal.actor, signal: presence.signal }
}
