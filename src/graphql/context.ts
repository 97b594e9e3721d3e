import type { Services } from '../orchestrator/services.js'

/** What every resolver gets. */
export interface GraphQLContext {
  readonly services: Services
  /** Who calls: `api:<key name>`. */
  readonly actor: string
}
