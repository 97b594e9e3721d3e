import type { Session } from '../access/session.js'
import type { Services } from '../orchestrator/services.js'
import type { WatchPlace } from './result-stream.js'

/** What every resolver gets. */
export interface GraphQLContext {
  /** Who calls. */
  readonly session: Session
  /** The session's: every call is checked. */
  readonly services: Services
  /** What change log and audit say of the caller. */
  readonly actor: string
  /** Of a subscription: where it goes on, and how far it came. */
  readonly place?: WatchPlace
}

export function contextOf(session: Session): GraphQLContext {
  return { session, services: session.services, actor: session.principal.actor }
}
