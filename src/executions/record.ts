import type { ErrorCode } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import type { Role } from '../core/principal.js'
import type { ExecutionStatus, StepStatus } from '../core/status.js'

export interface ExecutionError {
  readonly code: ErrorCode
  readonly message: string
  readonly step: string | null
  readonly attempt: number | null
}

/** How an execution ends, or would have if it had no `finally`. */
export interface ExecutionEnding {
  readonly status: 'completed' | 'failed' | 'cancelled'
  readonly error: ExecutionError | null
}

/** One row of `transient.execution`. */
export interface ExecutionRecord {
  readonly id: ExecutionId
  readonly status: ExecutionStatus
  /** null for an execution created by a write. */
  readonly playbookPath: string | null
  readonly playbookVersion: number | null
  /** Where parts of it are sensitive, there is the mask: here, in `payload` and in `inherited`. */
  readonly workload: JsonValue
  /** The workload as it was given at start. */
  readonly payload: JsonValue
  readonly revision: number
  readonly eventSeq: number
  /** The smallest `afterRevision` that still works. */
  readonly oldestRevision: number
  readonly variableCount: number
  readonly variableBytes: number
  /** Rows of the change log. */
  readonly historyCount: number
  /** Steps that wait for a condition, a time or a person, at most. */
  readonly openWaits: number
  /** What `finally` runs after; null: it has not begun. */
  readonly ending: ExecutionEnding | null
  /** The last number given to a step run. */
  readonly runSeq: number
  /** Visits of steps so far, iterations not counted: the step limit's counter. */
  readonly stepCount: number
  readonly error: ExecutionError | null
  readonly parentId: ExecutionId | null
  /** The parent's task that waits for this execution. */
  readonly parentTaskId: string | null
  readonly depth: number
  readonly rerunOf: ExecutionId | null
  /** What a rerun took over from the execution before; null otherwise. */
  readonly inherited: JsonValue
  /** What of it is sensitive: names of variables, `workload.<key>`, and `results.<step>` of what it inherited. */
  readonly sensitive: readonly string[]
  /** The sensitive parts of workload, payload and inherited, encrypted. */
  readonly sealed: string | null
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** The latest turn of one of a step's tools, where it has a list of them. */
export interface ToolRun {
  readonly name: string
  readonly status: 'running' | 'succeeded' | 'failed'
  /** How often it has run: more than once after a jump back. */
  readonly turns: number
  /** Attempts of the latest turn. */
  readonly attempts: number
  readonly result: JsonValue
  /** `this` without data. */
  readonly envelope: JsonObject | null
  readonly error: ExecutionError | null
  readonly log: string | null
  readonly startedAt: string | null
  readonly finishedAt: string | null
}

/** What a step waits for; kept after its end. */
export interface WaitState {
  /** The condition as it is written; null: it waits for a time. */
  readonly until: string | null
  /** Names of the variables by which the condition goes. */
  readonly reads: readonly string[]
  /** When it is over whatever the condition says, in ISO 8601; null: never. */
  readonly deadline: string | null
  /** The execution's revision when it began to wait. */
  readonly revision: number
  /** In ISO 8601. */
  readonly since: string
  readonly ask: AskState | null
}

/** What people are asked, as it was when the wait began. */
export interface AskState {
  /** The mask where it reads something sensitive. */
  readonly title: string
  /** Any of these, or one above them, may answer. Empty: who may write. */
  readonly roles: readonly Role[]
  /** The JSON Schema of the answer; null: every object fits. */
  readonly form: JsonObject | null
  /** Variables that an answer may give. */
  readonly names: readonly string[]
  /** Who answered last, and when in ISO 8601; null: nobody. */
  readonly answered: { readonly by: string; readonly at: string } | null
}

/** One row of `transient.step_run`: a visit of a step, or one iteration of it. */
export interface StepRunRecord {
  readonly executionId: ExecutionId
  /** Counter within the execution. */
  readonly run: number
  readonly step: string
  /** 1 for the first time the step is reached. */
  readonly visit: number
  /** Index from 0; null for a visit itself. */
  readonly iteration: number | null
  /** The run of the iterator that this iteration belongs to. */
  readonly parentRun: number | null
  readonly status: StepStatus
  readonly attempts: number
  /** What it was given or gave is sensitive: result, envelope, error and log show the mask. */
  readonly isSensitive: boolean
  readonly result: JsonValue
  /** `this` without data: status, error, times, and what the tool added. */
  readonly envelope: JsonObject | null
  readonly error: ExecutionError | null
  readonly log: string | null
  /** Of a list of tools, those that ran or run; empty without one. */
  readonly tools: readonly ToolRun[]
  /** null: it does not wait, or has not begun to. */
  readonly wait: WaitState | null
  /** Values of its `let`; null: it has none, or they are not evaluated yet. */
  readonly locals: JsonObject | null
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
}

/** How iterations ended so far. What `fail_fast` or a cancellation stopped is in none but the total. */
export interface IterationCounts {
  /** The elements of the list. */
  readonly total: number
  readonly succeeded: number
  readonly failed: number
}

/** A step run as it is read: with the counts of its iterations, null where it has no loop or its list is not known yet. */
export interface StepRunView extends StepRunRecord {
  readonly iterationCounts: IterationCounts | null
}

/** One row of `transient.event`: an immutable fact, such as `step.completed` with its routes in `data`. */
export interface EventRecord {
  readonly executionId: ExecutionId
  readonly seq: number
  /** The execution's revision after the event's transaction. */
  readonly revision: number
  readonly name: string
  readonly step: string | null
  /** The visit or iteration that it is about. */
  readonly run: number | null
  readonly attempt: number | null
  readonly data: JsonObject | null
  readonly occurredAt: Date
}

/** The columns that say which run a row of `transient.step_run` is, and how far it has come. */
export interface StepRunKeys {
  readonly execution_id: bigint
  readonly run: number
  readonly step: string
  readonly visit: number
  readonly iteration: number | null
  readonly parent_run: number | null
  readonly status: StepStatus
  readonly attempts: number
}

/** These columns as every record of a run begins. */
export function toStepRunKeys({ execution_id, run, step, visit, iteration, parent_run, status, attempts }: StepRunKeys) {
  return { executionId: String(execution_id), run, step, visit, iteration, parentRun: parent_run, status, attempts }
}
