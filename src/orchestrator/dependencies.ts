import type { StepBus } from '../bus/bus.js'
import type { CatalogService } from '../catalog/service.js'
import type { Outbox } from '../commit/outbox.js'
import type { EndedStep } from '../commit/run.js'
import type { WaitsLine } from '../commit/waits.js'
import type { Clock } from '../core/clock.js'
import type { JsonObject } from '../core/json.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Database } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { Toolbox } from '../tools/index.js'
import type { Limits } from './decide/types.js'

export interface OrchestratorLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Told about what happened, for the metrics. */
export interface OrchestratorObserver {
  /** A step's change set was committed. */
  changeSetWritten(): void
  /** An attempt was reported, or its time was up, wherever it ran. */
  attemptEnded(fields: { readonly kind: string; readonly status: 'success' | 'error'; readonly seconds: number }): void
  /** A visit or an iteration is over. */
  stepEnded(fields: EndedStep): void
  executionEnded(status: ExecutionStatus): void
}

/** How far one transaction goes on with steps without a tool that follow one another: executions are locked meanwhile. */
export interface ChainLimits {
  readonly steps: number
  readonly ms: number
}

export interface OrchestratorDependencies {
  readonly db: Database
  readonly bus: StepBus
  readonly catalog: CatalogService
  readonly toolbox: Toolbox
  readonly clock: Clock
  /** Milliseconds of a clock that never goes back, behind the templates' budgets; the system's where absent. */
  readonly elapsedMs?: () => number
  readonly newId: () => string
  readonly limits: Limits
  readonly leaseMs: number
  /** Names this process among several; null or left out for the only one, whose leases are void after a restart. */
  readonly processId?: string | null
  /** How long a task that another process offers, or whose lease ran out, may go unnoticed by waiting claims; 500 where absent. */
  readonly claimPollMs?: number
  /** 32 steps and 100 ms where absent. */
  readonly chain?: ChainLimits
  /** Tasks that this process runs at once. */
  readonly concurrency: number
  /** What the setting TEMPLATE_ENV lets templates read as `env`. */
  readonly env: JsonObject
  /** For sensitive values; without it a step that would write one fails. */
  readonly keyRing?: KeyRing
  /** Who is to be told of changes. */
  readonly outbox?: Outbox
  /** With the queues of other services: what ends waits that their writes fulfil. */
  readonly waits?: WaitsLine
  readonly logger: OrchestratorLogger
  readonly observer?: OrchestratorObserver
  /** Trims the change log; called by the relay now and then. */
  readonly retention?: { runOnce(): Promise<unknown> }
  /** Deletes variables whose `ttl` is over; called by the relay once a second. */
  readonly expiry?: { runOnce(): Promise<unknown> }
}
