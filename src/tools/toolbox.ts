import { TransientError } from '../core/errors.js'
import type { JsonObject } from '../core/json.js'
import { failed } from './outcome.js'
import type { Isolation, RunningTool, ToolCallContext, ToolDefinition, ToolEnvironment, ToolOutcome } from './tool.js'

/** A tool that was told to stop gets this long to clean up before its call ends without it. */
const STOP_GRACE_MS = 1500

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
      return runBounded(toolOf(kind), input, call)
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

async function runBounded(tool: RunningTool, input: JsonObject, call: ToolCallContext): Promise<ToolOutcome> {
  if (call.signal.aborted) return cancelled()
  const stop = new AbortController()
  let ending: ToolOutcome | null = null
  let release: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    release = resolve
  })
  let grace: NodeJS.Timeout | undefined
  const end = (outcome: ToolOutcome) => {
    if (ending) return
    ending = outcome
    stop.abort()
    grace = setTimeout(release, STOP_GRACE_MS)
  }
  const onCancel = () => end(cancelled())
  const timer = setTimeout(() => end(timedOut(call.timeoutMs)), Math.min(call.timeoutMs, MAX_TIMER_MS))
  call.signal.addEventListener('abort', onCancel, { once: true })
  try {
    const outcome = await Promise.race([tool.run(input, { ...call, log: call.log, signal: stop.signal }), stopped])
    return ending ?? outcome ?? timedOut(call.timeoutMs)
  } catch (error) {
    if (ending) return ending
    throw error
  } finally {
    clearTimeout(timer)
    clearTimeout(grace)
    call.signal.removeEventListener('abort', onCancel)
  }
}

/** The longest delay that a timer of Node holds. */
const MAX_TIMER_MS = 2 ** 31 - 1

function cancelled(): ToolOutcome {
  return failed('TOOL_FAILED', 'cancelled while the tool was running')
}

function timedOut(timeoutMs: number): ToolOutcome {
  return failed(
    'TIMEOUT',
    `no result after ${timeoutMs / 1000} s: the tool was stopped; raise the step's timeout if it needs longer`,
  )
}
