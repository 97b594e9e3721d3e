import { setMaxListeners } from 'node:events'
import type { GraphQLParams } from 'graphql-yoga'
import type { Session } from '../access/session.js'
import type { Services } from '../orchestrator/services.js'
import type { Progress } from './carried-out.js'
import type { WatchPosition } from './result-stream.js'

/** What the transports give along with an operation. */
export interface CallerContext {
  /** Who calls. */
  readonly session: Session
  /** The session's: every call is checked. */
  readonly services: Services
  /** What change log and audit say of the caller. */
  readonly actor: string
  /** Aborted when the caller has left: what is still read for it need not be. Most operations never ask for it. */
  readonly signal: () => AbortSignal
  /** False where the response is one JSON text: nothing can be watched there. */
  readonly takesEvents?: boolean
}

/** What every resolver gets. */
export interface GraphQLContext extends CallerContext {
  /** What was asked; variables hold every digit (core/json). */
  readonly params: GraphQLParams
  /** How far the document's mutations have come. */
  readonly progress?: Progress
  /** Of a subscription: where it goes on, and how far it came. */
  readonly position?: WatchPosition
}

export function contextOf(session: Session, signal: () => AbortSignal): CallerContext {
  return { session, services: session.services, actor: session.principal.actor, signal }
}

/** The signal of a request, or of anything else that has a signal which as many listen to as there are reads at the same time. */
export function signalOf(caller: { readonly signal: AbortSignal }): () => AbortSignal {
  return () => {
    const { signal } = caller
    setMaxListeners(0, signal)
    return signal
  }
}

/** Of what many callers share, or nobody waits for. */
export const ALWAYS_THERE = signalOf(new AbortController())
