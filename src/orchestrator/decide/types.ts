import type { EventDraft } from '../../commit/draft.js'
import type { ReadGlobals } from '../../commit/others.js'
import type { VariableWrite } from '../../commit/record.js'
import type { BranchState, IterationResult, LoopState, RunState, ToolsState } from '../../commit/run.js'
import type { ErrorCode, TransientError } from '../../core/errors.js'
import type { JsonObject, JsonValue } from '../../core/json.js'
import type { StepStatus } from '../../core/status.js'
import type { ExecutionError, ExecutionRecord, WaitState } from '../../executions/record.js'
import type { Operations, Playbook, Step, ToolCall } from '../../playbook/model.js'
import type { Sensitive } from '../../sealing/sensitive.js'
import type { TaskRecord } from '../../tasks/record.js'
import type { EvaluationLimits, StepValue } from '../../template/index.js'

/** Everything a decision may look at, read inside the transaction under the execution's lock. */
export interface Snapshot {
  readonly playbook: Playbook
  readonly step: Step
  readonly execution: ExecutionRecord
  readonly task: TaskRecord
  readonly run: RunState
  /** The iterator's visit, when `run` is an iteration. */
  readonly parent: RunState | null
  readonly vars: JsonObject
  /** The workload as templates see it, and as it was given at start. */
  readonly workload: JsonObject
  readonly payload: JsonObject
  /** What the setting TEMPLATE_ENV lets templates read. */
  readonly env: JsonObject
  /** The clock behind the templates' budgets. */
  readonly evaluationLimits?: EvaluationLimits
  readonly steps: Readonly<Record<string, StepValue>>
  /** What templates read of the playbook's space, at one revision; null or left out: nothing. */
  readonly globals?: ReadGlobals | null
  /** What of all these is sensitive; null or left out: nothing. */
  readonly sensitive?: Sensitive | null
  /** Where a step joins branches: visits that have not ended, and the latest of each such step. */
  readonly visits: readonly RunState[]
  /** Visits that are pending or running, other than this run's. */
  readonly otherLiveVisits: number
  /** Results of the iterations, in order; only when an iterator is joined. */
  readonly iterations: readonly IterationResult[]
}

/** `details` stand beside code and message in `this.error`. */
export interface OutcomeError {
  readonly code: ErrorCode
  readonly message: string
  readonly details?: JsonObject
}

/** How an attempt ended. `isSensitive` where it is, although the run itself was not until now. */
export type Outcome =
  | { readonly status: 'success'; readonly data: JsonValue; readonly extras: JsonObject; readonly isSensitive?: boolean }
  | {
      readonly status: 'error'
      readonly error: OutcomeError
      readonly data: JsonValue
      readonly extras: JsonObject
      readonly isSensitive?: boolean
    }

/** What a decision asks `apply` to do; the order is kept. */
export type Command =
  | {
      readonly type: 'finish_run'
      readonly run: number
      readonly status: StepStatus
      readonly result: JsonValue
      /** null where it was not entered. */
      readonly envelope: JsonObject | null
      readonly error: ExecutionError | null
      readonly isSensitive: boolean
      readonly tools: ToolsState | null
      /** Of a list of tools, what they logged; null: what the attempt did. */
      readonly log: string | null
    }
  | { readonly type: 'save_tools'; readonly run: number; readonly tools: ToolsState; readonly isSensitive: boolean }
  | { readonly type: 'open_tool'; readonly tool: ToolCall | null }
  | {
      readonly type: 'start_run'
      readonly run: number
      readonly attempt: number
      readonly locals: JsonObject | null
      readonly isSensitive: boolean
    }
  | {
      readonly type: 'open_visit'
      readonly step: Step
      readonly args: JsonObject
      readonly isSensitive: boolean
      readonly branch: BranchState | null
    }
  | {
      readonly type: 'join_visit'
      /** Of a step with `join` that waits for more branches. */
      readonly run: number
      readonly step: Step
      readonly args: JsonObject
      readonly isSensitive: boolean
      readonly branch: BranchState
    }
  | { readonly type: 'open_loop'; readonly run: number; readonly items: readonly JsonValue[]; readonly loop: LoopState }
  | { readonly type: 'save_loop'; readonly run: number; readonly loop: LoopState }
  | { readonly type: 'open_iteration'; readonly run: number }
  | { readonly type: 'join_loop'; readonly run: number }
  | { readonly type: 'withdraw_iterations'; readonly run: number }
  | { readonly type: 'retry'; readonly delayMs: number }
  | { readonly type: 'start_child'; readonly input: JsonObject; readonly timeoutMs: number | null }
  | {
      readonly type: 'open_wait'
      readonly run: number
      readonly wait: Omit<WaitState, 'revision'>
      readonly timeoutMs: number | null
    }
  | { readonly type: 'end_execution'; readonly status: 'completed' | 'failed'; readonly error: ExecutionError | null }

/** One change set and what goes with it: all of it is committed, or nothing. */
export interface Decision {
  readonly writes: readonly VariableWrite[]
  /** What is done with variables of others; left out: nothing. */
  readonly operations?: Operations<VariableWrite>
  readonly events: readonly EventDraft[]
  readonly commands: readonly Command[]
  /** The rendered call, when a worker is to run a tool now. */
  readonly call: ToolCallPlan | null
  /** What the attempt was given is sensitive; so will be what it gives. */
  readonly isSensitive?: boolean
}

export interface ToolCallPlan {
  readonly kind: string
  readonly input: JsonObject
  readonly timeoutMs: number
  /** Of a list of tools, which of them, and in which turn: it has an idempotency key of its own. */
  readonly part?: string
}

/** Why a decision's change set was refused, and how much of it the next try leaves out. */
export interface Rejection {
  readonly error: TransientError
  /** `block`: what the playbook's author wrote; `all`: also the iterator's own state. */
  readonly dropped: 'block' | 'all'
}

/** Limits that decisions keep to; from the settings. */
export interface Limits {
  readonly stepLimit: number
  readonly stepTimeoutMs: number
  readonly childDepth: number
  readonly maxDeliveries: number
}

/** The end of an attempt, of which `decide` says what follows. */
export interface DecideRequest {
  readonly snapshot: Snapshot
  readonly outcome: Outcome
  readonly limits: Limits
  readonly now: Date
  /** Set when the change set of an earlier decision was refused: the attempt fails with that error instead. */
  readonly rejection?: Rejection | null
  /** Writes of the same transaction that come first (`before`). */
  readonly earlierWrites?: readonly VariableWrite[]
  /** The step is over whatever `retry` says: its vars failed, or its lease was lost too often. */
  readonly isFinal?: boolean
  /** What the attempt logged. */
  readonly log?: string | null
  /** Nothing of the step's is evaluated any more, not even where it leads. */
  readonly isWithoutRouting?: boolean
}
