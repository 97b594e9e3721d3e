import type { z } from 'zod'
import type { ErrorCode } from '../core/errors.js'
import type { JsonObject, JsonValue } from '../core/json.js'

/** What rendering gives a tool: the context of the step, behind the template engine. */
export interface Renderer {
  /** Renders every template inside a value; a whole expression keeps its type. `path` is where it stands, for errors. */
  tree(value: JsonValue, path: string): JsonValue
  /** The whole context as plain JSON without `env`: what `main(context)` gets. */
  context(): JsonObject
}

/** Long-lived resources of the process that tools share; built by the server or the worker, closed at its end. */
export interface ToolEnvironment {
  /** Name to URL of the databases that postgres steps may use; `default` for those that name none. */
  readonly connections: ReadonlyMap<string, string>
  /** Name to secret, never visible to templates, logs or events. */
  readonly credentials: ReadonlyMap<string, JsonValue>
  readonly pythonPath: string
  /** `auto` isolates python steps where the machine can, `required` runs none where it cannot, `off` never does. */
  readonly pythonSandbox: 'auto' | 'required' | 'off'
  /** Whether python and shell steps that ask for the network get it. */
  readonly hasPythonNetwork: boolean
  /** What one python step may use, with all of its processes. */
  readonly pythonMemoryMib: number
  /** Hosts that the http tool may reach although they are private: host, host:port or CIDR. */
  readonly allowHosts: readonly string[]
  /** Whether loopback is open (a loopback server without a credential), except for the server's own port. */
  readonly isLoopbackOpen: boolean
  readonly ownPort: number | null
}

export interface ToolCallContext {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** `<execution>:<step>:<visit>:<iteration>`, and of a list `:<tool>:<turn>`: the same at every attempt. */
  readonly idempotencyKey: string
  /** Of an iteration: the step's visit, which it has in common with the others; null for a call that is none. */
  readonly series: string | null
  /** Adds to the step's log; the last 64 KiB are kept. */
  log(text: string): void
}

/** Which calls are iterations of the same visit of a step. */
export function seriesOf(executionId: string, { step, visit, iteration }: Visit): string | null {
  return iteration === null ? null : `${executionId}:${step}:${visit}`
}

interface Visit {
  readonly step: string
  readonly visit: number
  readonly iteration: number | null
}

export interface ToolError {
  readonly code: ErrorCode
  readonly message: string
  /** What else `this.error` says: the SQLSTATE of a statement, where it stands, ... */
  readonly details?: JsonObject | undefined
}

/** How a call ended. `extras` goes into the envelope `this` beside status, data and error (`status_code`, `row_count`, ...). */
export type ToolOutcome =
  | { readonly status: 'success'; readonly data: JsonValue; readonly extras?: JsonObject }
  | { readonly status: 'error'; readonly error: ToolError; readonly data?: JsonValue; readonly extras?: JsonObject }

/** Whether foreign code is kept apart from the machine; `missing`: there is nothing to run it. */
export type Isolation = 'isolated' | 'not isolated' | 'missing'

export interface RunningTool {
  /** Runs one call. Resolves with an outcome also when the tool failed; rejects only on a fault of ours. */
  run(input: JsonObject, call: ToolCallContext): Promise<ToolOutcome>
  /** Only where the tool runs foreign code. */
  readonly isolation?: () => Promise<Isolation>
  close(): Promise<void>
}

/** What is wrong with a parameter whatever its templates give, as it can be seen in the text. */
export interface ParameterFault {
  readonly name: string
  /** In a list. */
  readonly index: number | null
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** One tool kind: what a playbook may write, how its input is rendered, and how it runs. */
export interface ToolDefinition {
  readonly kind: string
  /** Parameters after aliases are resolved. A template may stand for any value; strictness about keys is the parser's. */
  readonly parameters: z.ZodObject
  /** Served by workers of the step's own pool alone: the server neither checks nor runs it. */
  readonly isCustom?: boolean
  /** Other names a playbook may use: `{with: 'args'}`. */
  readonly aliases: Readonly<Record<string, string>>
  /** Parameters that are not templates (`code`): passed on as written. */
  readonly rawParameters: readonly string[]
  /** Names that a call may read from the context beside its templates: they are loaded for it. Without it: none. */
  readonly contextNames?: (parameters: JsonObject) => readonly string[] | 'all'
  /** Looks for what the schema cannot tell, once the parameters fit it and their templates compile. */
  readonly faults?: (parameters: JsonObject) => readonly ParameterFault[]
  /** Renders the parameters to the input of `run`; pure except for reading the context. Throws TransientError TEMPLATE_*. */
  render(parameters: JsonObject, renderer: Renderer): JsonObject
  /** Opens what the tool needs; null for kinds that the orchestrator itself carries out (`playbook`, `workbook`). */
  readonly open: ((environment: ToolEnvironment) => RunningTool) | null
}

export interface ToolSpec extends Omit<ToolDefinition, 'aliases' | 'rawParameters' | 'render'> {
  readonly aliases?: Readonly<Record<string, string>>
  readonly rawParameters?: readonly string[]
  readonly render?: ToolDefinition['render']
}

/** Fills in the defaults: no aliases, no raw parameters, every parameter a template. */
export function defineTool(spec: ToolSpec): ToolDefinition {
  const rawParameters = spec.rawParameters ?? []
  return {
    ...spec,
    aliases: spec.aliases ?? {},
    rawParameters,
    render:
      spec.render ??
      ((parameters, renderer) => {
        const rendered = Object.entries(parameters).map(([name, value]) => [
          name,
          rawParameters.includes(name) ? value : renderer.tree(value, name),
        ])
        return Object.fromEntries(rendered) as JsonObject
      }),
  }
}
