import type { ExecutionId } from '../core/ids.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import type { Role } from '../core/principal.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { ToolError } from '../tools/tool.js'

export interface StartRequest {
  readonly path: string
  readonly version?: number | null | undefined
  readonly workload?: JsonObject | null | undefined
  readonly idempotencyKey?: string | null | undefined
}

/** A variable that a rerun begins with. */
export interface GivenVariable {
  readonly name: string
  readonly value: JsonValue
  readonly isSensitive?: boolean | undefined
}

export interface RerunRequest {
  readonly id: ExecutionId
  readonly fromStep?: string | null | undefined
  readonly variables?: readonly GivenVariable[] | null | undefined
  readonly actor: string
}

/** What somebody answers to a step that asks. */
export interface AnswerRequest {
  readonly executionId: ExecutionId
  readonly run: number
  readonly values: JsonObject
  readonly actor: string
  /** From the credential; without it the least of all who may answer. */
  readonly role?: Role
}

/** A task that a worker holds. */
export interface ClaimedTask {
  readonly id: string
  readonly executionId: ExecutionId
  readonly step: string
  readonly visit: number
  readonly iteration: number | null
  readonly attempt: number
  readonly kind: string
  /** Rendered. */
  readonly input: JsonObject
  readonly timeoutMs: number
  readonly idempotencyKey: string
  readonly token: string
  readonly leaseUntil: Date
  /** How long the lease was when it was given: what a worker's own clock can measure. */
  readonly leaseMs: number
}

export interface ClaimRequest {
  readonly pool: string
  readonly workerId: string
  /** At most 60,000. */
  readonly waitMs: number
  /** Aborted when the caller is gone: it gets no task any more. */
  readonly signal?: AbortSignal | undefined
}

export interface ClaimSeveralRequest extends ClaimRequest {
  /** 1 to 250. */
  readonly max: number
}

export interface TaskTicket {
  readonly taskId: string
  readonly attempt: number
  readonly token: string
}

export interface CompleteRequest extends TaskTicket {
  /** With an `error`: what the tool answered all the same. */
  readonly result?: JsonValue | undefined
  readonly error?: ToolError | null | undefined
  /** What the tool adds to `this`. */
  readonly extras?: JsonObject | undefined
  readonly log?: string | null | undefined
}

/** An execution after a request about it. */
export interface ChangedExecution extends ExecutionRecord {
  /** false: all was so already, and nothing was written. */
  readonly isChanged: boolean
}

/** Runs playbooks: starts, cancels and reruns executions, and hands their tasks to workers. */
export interface Orchestrator {
  /** @throws TransientError NOT_FOUND (playbook), CONFLICT (idempotency key used with another workload), VALIDATION, TEMPLATE_* (workload) */
  start(request: StartRequest): Promise<ChangedExecution>
  /** Whether it could be started as it is now; nothing is. Throws as `start`. */
  check(request: StartRequest): Promise<void>
  /**
   * 1 to 250, in their order. When one cannot start, none is; only what happens while they are written (no database, a key that somebody
   * else uses at the same time) may leave some started: with idempotency keys the call may be repeated. Throws as `start`, with `inputs[n]` in front.
   */
  startSeveral(requests: readonly StartRequest[]): Promise<readonly ChangedExecution[]>
  /** Also cancels children and kills running tools. @throws TransientError NOT_FOUND, EXECUTION_FINISHED */
  cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** Nothing new of it begins; what runs may end, and writes go on. @throws TransientError NOT_FOUND, EXECUTION_FINISHED, CONFLICT */
  pause(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution>
  /** @throws TransientError NOT_FOUND, EXECUTION_FINISHED, CONFLICT */
  resume(id: ExecutionId, actor: string): Promise<ChangedExecution>
  /** @throws TransientError NOT_FOUND, VALIDATION (unknown step, no playbook) */
  rerun(request: RerunRequest): Promise<ExecutionRecord>
  /** @throws TransientError NOT_FOUND, FORBIDDEN (not a role that is asked), VALIDATION with `problems` (the form), CONFLICT with `answeredBy` when it is over */
  answer(request: AnswerRequest): Promise<void>
  /** null when nothing came within `waitMs`. */
  claim(request: ClaimRequest): Promise<ClaimedTask | null>
  /** As many as there are, up to `max`; it waits for the first alone. */
  claimSeveral(request: ClaimSeveralRequest): Promise<readonly ClaimedTask[]>
  /** @throws TransientError CONFLICT when the lease is another's, NOT_FOUND */
  heartbeat(ticket: TaskTicket): Promise<ClaimedTask>
  /** Gives a task back unfinished: it is offered again at once, and no delivery is counted. @throws TransientError CONFLICT, NOT_FOUND */
  release(ticket: TaskTicket): Promise<void>
  /** A duplicate answers `isAccepted: false`; another attempt's is CONFLICT. */
  complete(request: CompleteRequest): Promise<{ readonly isAccepted: boolean; readonly revision: number }>
  /** Starts the relay and the workers of this process. */
  run(): Promise<void>
  /** Stops claiming, finishes or releases what runs. */
  drain(graceMs?: number): Promise<void>
}
