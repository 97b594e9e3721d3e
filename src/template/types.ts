import type { JsonObject, JsonValue } from '../core/json.js'

/**
 * A finished step's result as templates see it: the value itself, on which `.data`, `.status` and `.error` (and
 * NoETL's `.command_0`) also work. A key of the value always wins over these.
 */
export class StepValue {
  constructor(
    readonly value: JsonValue,
    readonly fallback: Readonly<Record<string, ContextValue>>,
  ) {}
}

export type ContextValue = JsonValue | StepValue

/** What a template may read, by precedence: locals, vars, steps, workload, builtins. Templates cannot change it. */
export interface ContextLayers {
  /** The element, `loop`, `result`, `this`, `event`, `response`, `error`. */
  readonly locals?: Readonly<Record<string, ContextValue>>
  readonly vars?: JsonObject
  /** Latest result of every finished step; also readable as `results.<step>`. */
  readonly steps?: Readonly<Record<string, StepValue>>
  readonly workload?: JsonObject
  /** Of the playbook's space: `globals.<name>`, and never a plain name. */
  readonly globals?: JsonObject
  /** `execution_id`, `job`, `env`, `payload`, a transition's args, ... */
  readonly builtins?: Readonly<Record<string, ContextValue>>
  /** Absent where nothing is sensitive. */
  readonly sensitive?: SensitiveNames
  /** What `now()` gives; the system's clock where absent. */
  readonly now?: Date
  /** The clock behind the budgets; the system's, failing at once, where absent. */
  readonly evaluationLimits?: EvaluationLimits
}

/** Of each layer the names whose values are sensitive. */
export interface SensitiveNames {
  readonly locals: ReadonlySet<string>
  readonly vars: ReadonlySet<string>
  readonly steps: ReadonlySet<string>
  readonly workload: ReadonlySet<string>
  readonly builtins: ReadonlySet<string>
  readonly globals?: ReadonlySet<string>
}

/** The last resort of one evaluation: the budgets decide long before, unless the machine itself hangs. */
export interface EvaluationLimits {
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number
  /** Whether the template fails with TEMPLATE_FORBIDDEN; before the last try it is an EvaluationTimeout. */
  readonly isLastTry: boolean
  /** What is left for all templates of one decision together; absent: each has its own budget only. */
  readonly budget?: Budget
}

/** Steps and characters that are left. Templates take from it, and so does whoever looks through what they gave. */
export interface Budget {
  steps: number
  allocation: number
  /** Errors that say which name was probably meant: it is looked for among all that there are. */
  suggestions: number
}

/** What a template reads, found without running it. */
export interface References {
  /** Free names: `vars`, `result`, `fetch_batch`, `timeout`, ... */
  readonly roots: ReadonlySet<string>
  /** Static members of a root (`vars.counter` gives `vars` -> {counter}); `'all'` when one is computed or the root is used whole. */
  readonly members: ReadonlyMap<string, ReadonlySet<string> | 'all'>
}

export interface TemplateErrorPosition {
  readonly expression: string
  readonly line: number
  readonly column: number
}
