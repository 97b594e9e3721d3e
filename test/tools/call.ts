import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { boundLog } from '../../src/tools/bound-log.js'
import { createToolbox } from '../../src/tools/index.js'
import type { ToolEnvironment, ToolOutcome } from '../../src/tools/tool.js'

export function environmentWith(parts: Partial<ToolEnvironment> = {}): ToolEnvironment {
  return {
    connections: new Map(),
    credentials: new Map(),
    pythonPath: 'python3',
    pythonSandbox: 'auto',
    hasPythonNetwork: true,
    pythonMemoryMib: 1024,
    allowHosts: [],
    isLoopbackOpen: true,
    ownPort: null,
    ...parts,
  }
}

export interface CallParts {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly idempotencyKey?: string
  readonly series?: string | null
}

export interface Caller {
  run(input: JsonObject, parts?: CallParts): Promise<ToolOutcome>
  /** Runs a call that must succeed, and gives its data. */
  data(input: JsonObject, parts?: CallParts): Promise<JsonValue>
  /** Runs a call that must fail, and gives its error as `CODE: message`. */
  error(input: JsonObject, parts?: CallParts): Promise<string>
  log(): string
  close(): Promise<void>
}

/** One kind of tool in a toolbox of its own. */
export function createCaller(kind: string, environment: ToolEnvironment): Caller {
  const toolbox = createToolbox(environment)
  let log = boundLog()
  const run = (input: JsonObject, parts: CallParts = {}) => {
    log = boundLog()
    return toolbox.run(kind, input, {
      signal: parts.signal ?? new AbortController().signal,
      timeoutMs: parts.timeoutMs ?? 60_000,
      idempotencyKey: parts.idempotencyKey ?? '1:step:1:0',
      series: parts.series === undefined ? '1:step:1' : parts.series,
      log: log.add,
    })
  }
  return {
    run,
    data: async (input, parts) => {
      const outcome = await run(input, parts)
      if (outcome.status === 'error') throw new Error(`${outcome.error.code}: ${outcome.error.message}`)
      return outcome.data
    },
    error: async (input, parts) => {
      const outcome = await run(input, parts)
      if (outcome.status === 'success') throw new Error(`succeeded with ${JSON.stringify(outcome.data)}`)
      return `${outcome.error.code}: ${outcome.error.message}`
    },
    log: () => log.text(),
    close: () => toolbox.close(),
  }
}
