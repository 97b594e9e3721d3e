import { TransientError } from '../core/errors.js'
import type { JsonObject } from '../core/json.js'
import { failed } from './outcome.js'
import { runInTime } from './run-in-time.js'
import type { Isolation, RunningTool, ToolCallContext, ToolDefinition, ToolEnvironment, ToolOutcome } from './tool.js'

export interface Toolbox {
  /** Whether this process runs the kind; `playbook` and `workbook` are the orchestrator's own. */
  has(kind: string): boolean
  /** Runs one call; its timeout and its cancellation are enforced here, whatever the tool does. */
  run(kind: string, input: JsonObject, call: ToolCallContext): Promise<ToolOutcome>
  /** How python steps are kept apart from the machine; it is tried, so that the interpreter is warm afterwards. */
  isolation(): Promise<Isolation>
  /** Stops every tool; no process, thread or connection is left. */
  close(): Promise<void>
}

export interface ToolboxOptions {
  readonly environment: ToolEnvironment
  readonly tools: readonly ToolDefinition[]
}

/** The tools of a process, each opened at its first use. */
export function createToolboxOf({ environment, tools }: ToolboxOptions): Toolbox {
  const running = new Map<string, RunningTool>()
  let isClosed = false

  const toolOf = (kind: string): RunningTool => {
    const found = running.get(kind)
    if (found) return found
    const open = tools.find((tool) => tool.kind === kind)?.open
    if (!open) throw new TransientError('TOOL_FAILED', `there is no tool "${kind}" in this process`)
    const tool = open(environment)
    running.set(kind, tool)
    return tool
  }

  return {
    has: (kind) => tools.some((tool) => tool.kind === kind && tool.open !== null),
    run: async (kind, input, call) => {
      if (isClosed) return failed('TOOL_FAILED', 'the tools of this process are closed')
      const tool = toolOf(kind)
      return runInTime((bounded) => tool.run(input, bounded), call)
    },
    isolation: async () => (isClosed ? undefined : toolOf('python').isolation?.()) ?? 'missing',
    close: async () => {
      isClosed = true
      const tools = [...running.values()]
      running.clear()
      await Promise.all(tools.map((tool) => tool.close()))
    },
  }
}
