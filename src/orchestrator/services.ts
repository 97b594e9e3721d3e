import type { AuditService } from '../audit/service.js'
import type { CatalogService } from '../catalog/service.js'
import type { ExecutionsService } from '../executions/service.js'
import type { KeysService } from '../keys/service.js'
import type { RotationService } from '../rotation/service.js'
import type { SchedulesService } from '../schedules/service.js'
import type { VariablesService } from '../variables/service.js'
import type { GlobalsService } from '../variables/spaces/globals.js'
import type { TriggersService } from '../webhooks/inbound/service.js'
import type { WebhooksService } from '../webhooks/service.js'
import type { Orchestrator } from './orchestrator.js'
import type { Playground } from './playground.js'

/** What the server does. The APIs (GraphQL, REST) get it bound to a caller, with every call checked (src/access). */
export interface Services {
  readonly variables: VariablesService
  readonly globals: GlobalsService
  readonly executions: ExecutionsService
  readonly catalog: CatalogService
  readonly orchestrator: Orchestrator
  readonly templates: Playground
  readonly keys: KeysService
  readonly rotation: RotationService
  readonly audit: AuditService
  readonly webhooks: WebhooksService
  readonly schedules: SchedulesService
  readonly triggers: TriggersService
}
