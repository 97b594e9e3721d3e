import type { CatalogService } from '../catalog/service.js'
import type { ExecutionsService } from '../executions/service.js'
import type { VariablesService } from '../variables/service.js'
import type { Orchestrator } from './orchestrator.js'
import type { Playground } from './playground.js'

/** What the doors (GraphQL, REST) may use. Built once by the server; every door gets the same. */
export interface Services {
  readonly variables: VariablesService
  readonly executions: ExecutionsService
  readonly catalog: CatalogService
  readonly orchestrator: Orchestrator
  readonly templates: Playground
}
