import type { Services } from '../orchestrator/services.js'
import type { WatchPlace } from './result-stream.js'

/** What every resolver gets. */
export interface GraphQLContext {
  readonly services: Services
  /** Who calls: `api:<key name>`. */
  readonly actor: string
  /** Of a subscription: where it goes on, and how far it came. */
  readonly place?: WatchPlace
}
