import type { JsonObject, JsonValue } from '../core/json.js'
import type { Role } from '../core/principal.js'
import type { WebhookEvent } from '../core/status.js'
import type { SchemaCheck } from '../schema/problem.js'

/** A parsed playbook, whatever dialect it was written in. The rest of the code never sees a dialect. */
export interface Playbook {
  readonly apiVersion: string
  readonly name: string
  /** `metadata.path`, by default the name. */
  readonly path: string
  readonly description: string | null
  /** Defaults; what is given at start is merged over it, key by key at the top. */
  readonly workload: JsonObject
  /** Names of variables and `workload.<key>` that are secret. */
  readonly sensitive: readonly string[]
  /** Which webhooks are told of what, besides what they select themselves. */
  readonly notify: readonly Notification[]
  /** null where it has none; `checkPlaybook` fills it in. */
  readonly schema: PlaybookSchema | null
  /** Each after those that it depends on. */
  readonly computed: readonly ComputedVariable[]
  /** The space that `globals` means. */
  readonly space: string
  readonly workbook: readonly WorkbookTask[]
  readonly steps: readonly Step[]
  /** `start`, or the first step listed. */
  readonly startStep: string
  /** The step that runs once before the execution ends, however it does; null: none. */
  readonly finally: string | null
  /** Seconds after which it fails whatever it does; null: never. */
  readonly timeout: number | null
}

/** A variable that follows from others, and that nobody else writes. */
export interface ComputedVariable {
  readonly name: string
  /** The template as it is written. */
  readonly expression: string
  /** The variables that it reads, computed ones among them. Where there is none, it is computed in the first revision. */
  readonly dependsOn: readonly string[]
  /** Keys of the workload that it reads by their names. */
  readonly workloadKeys: readonly string[]
  /** Where the expression stands. */
  readonly line: number
  readonly column: number
}

/** A webhook, by its name, and what it is told of. */
export interface Notification {
  readonly to: string
  readonly on: readonly WebhookEvent[]
}

/** What a playbook says of its values, compiled. */
export interface PlaybookSchema {
  /** The `schema` block as it is written. */
  readonly block: JsonObject
  /** Variables that there may be: where it is closed, those of `vars`, and what iterators keep of their own. null: all are allowed. */
  readonly names: ReadonlySet<string> | null
  readonly workload: SchemaCheck | null
  readonly vars: ReadonlyMap<string, SchemaCheck>
  /** By the step's name. */
  readonly results: ReadonlyMap<string, SchemaCheck>
}

export interface WorkbookTask {
  readonly name: string
  readonly tool: ToolCall
  /** Names that must be in the args before, and in the result after. */
  readonly expects: readonly string[]
  readonly returns: readonly string[]
}

export interface Step {
  readonly name: string
  readonly description: string | null
  /** Read when it is reached: where it does not hold, the step is skipped, and its branch ends. null: always. */
  readonly when: string | null
  /** How many branches must arrive before it begins, once for all of them; `all`: those that can. null: it runs for each. */
  readonly join: 'all' | number | null
  /** null: only vars and routing. For an iterator, the tool of its task. */
  readonly tool: ToolCall | null
  /** A list of tools that run one after another, in one run of the step; `tool` is null then. */
  readonly tools: readonly ListedTool[] | null
  /** What it waits for, in the place of a tool. For an iterator, that of its task. */
  readonly wait: Wait | null
  readonly loop: Loop | null
  /** `let`: names that the templates of one visit read without `vars.`, evaluated before the tool. */
  readonly locals: readonly VarEntry[]
  readonly vars: VarsBlock
  /** What its transaction does with variables of others, once it has succeeded. */
  readonly operations: Operations<VariableOperation>
  /** Variables of this execution that executions which the step started may change. For an iterator, those of its task. */
  readonly accept: readonly string[]
  readonly next: readonly Transition[]
  /** null when the step has no `case`; then `next` decides alone. */
  readonly cases: readonly Transition[] | null
  readonly retry: RetryRule | null
  /** Seconds per attempt, or a template of them; null: the default. */
  readonly timeout: JsonValue | null
  readonly pool: string
  /** Where the step stands, for messages: `workflow[2]`. */
  readonly at: string
}

/** What people are asked. */
export interface Ask {
  /** A template. */
  readonly title: JsonValue
  /** Who may answer: these, and those above them. Empty: editors. */
  readonly roles: readonly Role[]
  /** The JSON Schema of the answer, an object; null: it has none. */
  readonly form: JsonObject | null
  /** Variables that an answer may give. */
  readonly names: readonly string[]
  /** Whether those are deleted when it begins to wait. */
  readonly isAgain: boolean
}

/** One of `until`, `forSeconds` and `moment` is given, or `ask`. */
export interface Wait {
  /** A condition over the variables of `reads`, what never changes, and the element. */
  readonly until: string | null
  readonly reads: readonly string[]
  /** Seconds, or a template of them. */
  readonly forSeconds: JsonValue | null
  /** A time in ISO 8601, or a template of one. */
  readonly moment: JsonValue | null
  /** Seconds after which a condition, or an answer, counts as failed, or a template of them. */
  readonly timeout: JsonValue | null
  /** null: nobody is asked. Without a condition it is the answer that is waited for. */
  readonly ask: Ask | null
  /** `workflow[2].wait` */
  readonly at: string
}

export interface ToolCall {
  readonly kind: string
  /** Under the names of the tool's own schema, aliases resolved; templates unrendered. */
  readonly parameters: JsonObject
}

/** One of several tools of a step. */
export interface ListedTool {
  /** Later tools, rules, `vars` and `next` of the step read its output under this name. */
  readonly name: string
  /** null: only its rules. */
  readonly tool: ToolCall | null
  /** Seconds per attempt, or a template of them; null: the step's. */
  readonly timeout: JsonValue | null
  /** The first that holds decides; without one, the list goes on after a success and fails after a failure. */
  readonly rules: readonly ToolRule[]
  /** Set when the list goes on after it. */
  readonly vars: readonly VarEntry[]
  /** `workflow[2].tool[0]` */
  readonly at: string
}

export const RULE_ACTIONS = ['continue', 'retry', 'fail', 'jump', 'break'] as const

export interface ToolRule {
  /** null: every success that no rule above it took. */
  readonly when: string | null
  readonly action: (typeof RULE_ACTIONS)[number]
  /** Of a jump: the tool that is next. */
  readonly to: string | null
  /** Of `retry`. */
  readonly retry: RetryRule | null
  /** Names that only this run of the list knows; they come before variables. */
  readonly locals: readonly VarEntry[]
  readonly vars: readonly VarEntry[]
  readonly at: string
}

export interface VarEntry {
  readonly name: string
  readonly value: JsonValue
  /** `workflow[2].vars.total` */
  readonly at: string
}

/** On variables that are not of the step's own execution: of its space, of its parent, and of the root of all. */
export interface Operations<T> {
  readonly globals: readonly T[]
  readonly parent: readonly T[]
  readonly root: readonly T[]
}

/** One variable of somebody else. Values are templates; `ttl` is in seconds, or a template of them. */
export type VariableOperation =
  | {
      readonly operation: 'set'
      readonly name: string
      readonly value: JsonValue
      readonly ttl: JsonValue | null
      readonly at: string
    }
  | { readonly operation: 'increment' | 'append'; readonly name: string; readonly value: JsonValue; readonly at: string }
  | { readonly operation: 'delete'; readonly name: string; readonly at: string }

/** Entries in the order of evaluation, after the two refinements of docs/playbooks.md ("vars"). */
export interface VarsBlock {
  readonly before: readonly VarEntry[]
  readonly after: readonly VarEntry[]
}

export interface Loop {
  /** A template that gives the list, or the list itself. */
  readonly collection: JsonValue
  readonly element: string
  readonly mode: 'sequential' | 'async'
  /** Iterations open at once; 1 when sequential. A number, or a template of one. */
  readonly concurrency: JsonValue
  readonly where: string | null
  readonly orderBy: { readonly expression: string; readonly isDescending: boolean } | null
  readonly limit: JsonValue | null
  readonly chunk: JsonValue | null
  readonly isEnumerated: boolean
  readonly isFailFast: boolean
  /** The task's own `let`, evaluated once per iteration. */
  readonly taskLocals: readonly VarEntry[]
  /** The task's own `vars`, evaluated per iteration inside the transaction that completes it. */
  readonly taskVars: readonly VarEntry[]
  /** The task's own operations, in the same transaction. */
  readonly taskOperations: Operations<VariableOperation>
}

export interface Target {
  readonly step: string
  /** Added to the target's args. Templates. */
  readonly args: JsonObject
}

export interface Transition {
  /** `{{ expr }}` or a bare expression; null fires always. */
  readonly when: string | null
  /** Fires when no entry with a `when` did. */
  readonly isElse: boolean
  readonly targets: readonly Target[]
  readonly at: string
}

/** The numbers, or templates of them, which are rendered when an attempt has failed; delays are in seconds. */
export interface RetryRule {
  /** Counts the first try. */
  readonly maxAttempts: JsonValue
  readonly initialDelay: JsonValue
  readonly backoffMultiplier: JsonValue
  readonly maxDelay: JsonValue
  /** Decides, if given, whether a failed attempt is tried again. */
  readonly when: string | null
}

export type ProblemSeverity = 'error' | 'warning' | 'info'

/** Something wrong, or worth saying, about a playbook's source. Lines and columns count from 1. */
export interface Problem {
  readonly severity: ProblemSeverity
  readonly message: string
  /** `workflow[2].vars.total`; empty for the document. */
  readonly path: string
  readonly line: number
  readonly column: number
}

export interface ParseReport {
  /** null when a problem is an error. */
  readonly playbook: Playbook | null
  readonly problems: readonly Problem[]
}
