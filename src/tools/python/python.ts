import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import { failed } from '../outcome.js'
import type { RunningTool, ToolCallContext, ToolEnvironment, ToolOutcome } from '../tool.js'
import type { CallEnd } from './fork-server.js'
import { createWarmPython } from './warm.js'

const NO_NETWORK =
  'python and shell steps have no network here (PYTHON_NETWORK=0): leave out "network: true", or use an http step'
const FOREIGN_RESULT = 'the code wrote into the channel of its result'

/** Opens the python tool: warm interpreters, restarted when they end. */
export function createPythonTool(environment: ToolEnvironment): RunningTool {
  const warm = createWarmPython(environment)
  return {
    run: async (input, call) => {
      const isNetworkOpen = isTrue(input.network)
      if (isNetworkOpen && !environment.hasPythonNetwork) return failed('TOOL_FAILED', NO_NETWORK)
      const pool = await warm.pool(isNetworkOpen)
      if (typeof pool === 'string') return unavailable(pool, environment.pythonPath)
      const end = await pool.run({ series: processOf(input, call), payload: payloadOf(input, call), signal: call.signal })
      if (end === null) return failed('TOOL_FAILED', 'stopped')
      if (end.log !== '' && end.exit !== 'lost') call.log(end.log)
      return outcomeOf(end, environment)
    },
    isolation: warm.isolation,
    close: warm.close,
  }
}

/** A flag may come out of a template as text. */
function isTrue(value: JsonValue | undefined): boolean {
  return value === true || (typeof value === 'string' && value.trim().toLowerCase() === 'true')
}

/** What calls must have in common to follow one another in a process; null for one that has a process to itself. */
function processOf({ code, libs, network, fresh }: JsonObject, { series }: ToolCallContext): string | null {
  return series === null || isTrue(fresh) ? null : stringifyJson([series, code ?? '', libs ?? {}, network ?? null])
}

function payloadOf(input: JsonObject, call: ToolCallContext): string {
  return stringifyJson({
    code: input.code ?? '',
    args: objectOf(input.args),
    libs: objectOf(input.libs),
    context: objectOf(input.context),
    network: input.network === undefined || input.network === null ? null : isTrue(input.network),
    idempotency_key: call.idempotencyKey,
  })
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {}
}

function unavailable(reason: 'missing' | 'refused', pythonPath: string): ToolOutcome {
  if (reason === 'missing') {
    const program = pythonPath.split(/[\\/]/).at(-1) ?? 'python3'
    return failed(
      'TOOL_FAILED',
      `the interpreter ${program} cannot be started: install python3, or name one with the setting PYTHON`,
    )
  }
  return failed(
    'TOOL_FAILED',
    'python steps run only isolated here (PYTHON_SANDBOX=required), which needs Linux, bubblewrap and permission to create namespaces',
  )
}

function outcomeOf(end: CallEnd, { pythonPath, pythonMemoryMib }: ToolEnvironment): ToolOutcome {
  if (end.exit === 'missing') return unavailable('missing', pythonPath)
  if (end.exit === 'lost' || end.exit === 'gone')
    return failed('TOOL_FAILED', 'the Python process that runs the calls ended unexpectedly; it starts again with the next call')
  if (end.exit === 'fork') return failed('TOOL_FAILED', `no process could be started for the call: ${end.result}`)
  if (end.exit === 'limit') return failed('TOOL_FAILED', 'the result is over the limit of 1 MiB')
  if (end.exit === 'memory') {
    return failed('TOOL_FAILED', `the code used more than ${pythonMemoryMib} MiB of memory (the setting PYTHON_MEMORY_MB)`)
  }
  if (end.exit === 'spoilt') return failed('TOOL_FAILED', FOREIGN_RESULT)
  if (end.exit === 'sockets') return failed('TOOL_FAILED', 'the code opened more than 512 sockets')
  if (end.exit !== 0 || end.result === '')
    return failed('TOOL_FAILED', `the code ended its process without a result (${exitText(end.exit)})`)
  return parseAnswer(end.result)
}

function parseAnswer(text: string): ToolOutcome {
  let answer: JsonValue
  try {
    answer = parseJson(text)
  } catch {
    return failed('TOOL_FAILED', FOREIGN_RESULT)
  }
  if (!isJsonObject(answer)) return failed('TOOL_FAILED', FOREIGN_RESULT)
  if (Object.hasOwn(answer, 'error')) return failed('TOOL_FAILED', String(answer.error))
  return unwrapResult(answer.value ?? null)
}

function exitText(exit: number): string {
  if (exit >= 0) return `exit status ${exit}`
  return exit === -9 ? 'killed, perhaps for want of memory' : `signal ${-exit}`
}

/**
 * What `main` returned, as an outcome: an object with `status: "error"` and a `data` or `error` key fails the step,
 * `error` becoming its message; with `status` and `data` otherwise `data` is taken; anything else is the value as it is.
 */
function unwrapResult(value: JsonValue): ToolOutcome {
  if (!isJsonObject(value) || !Object.hasOwn(value, 'status')) return { status: 'success', data: value }
  const hasData = Object.hasOwn(value, 'data')
  const data = value.data ?? null
  if (value.status === 'error' && (hasData || Object.hasOwn(value, 'error'))) {
    return failed('TOOL_FAILED', errorText(value.error ?? null), { data })
  }
  return { status: 'success', data: hasData ? data : value }
}

function errorText(error: JsonValue): string {
  if (typeof error === 'string' && error !== '') return error
  if (isJsonObject(error) && typeof error.message === 'string') return error.message
  return error === null || error === '' ? 'the code returned status "error"' : stringifyJson(error)
}
