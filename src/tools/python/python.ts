import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import { failed } from '../outcome.js'
import type { RunningTool, ToolCallContext, ToolEnvironment, ToolOutcome } from '../tool.js'
import { unwrapResult } from './unwrap.js'
import { type CallEnd, startZygote, type Zygote } from './zygote.js'

/** Opens the python tool: one warm interpreter, restarted when it ends. */
export function createPythonTool({ pythonPath }: ToolEnvironment): RunningTool {
  let zygote: Zygote | null = null
  let nextId = 0

  const warm = (): Zygote => {
    if (!zygote?.isAlive) zygote = startZygote(pythonPath)
    return zygote
  }
  return {
    run: async (input, call) => {
      const parent = warm()
      const id = String(nextId++)
      const kill = () => parent.kill(id)
      call.signal.addEventListener('abort', kill, { once: true })
      try {
        const end = await parent.run(id, payloadOf(input, call))
        if (end.log !== '' && typeof end.exit === 'number') call.log(end.log)
        return outcomeOf(end, pythonPath)
      } finally {
        call.signal.removeEventListener('abort', kill)
      }
    },
    close: async () => {
      await zygote?.close()
      zygote = null
    },
  }
}

function payloadOf(input: JsonObject, call: ToolCallContext): string {
  return stringifyJson({
    code: input.code ?? '',
    args: objectOf(input.args),
    libs: objectOf(input.libs),
    context: objectOf(input.context),
    network: input.network ?? true,
    idempotency_key: call.idempotencyKey,
  })
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {}
}

function outcomeOf(end: CallEnd, pythonPath: string): ToolOutcome {
  if (end.exit === 'missing') {
    const program = pythonPath.split(/[\\/]/).at(-1) ?? 'python3'
    return failed(
      'TOOL_FAILED',
      `the interpreter ${program} cannot be started: install python3, or name one with the setting PYTHON`,
    )
  }
  if (end.exit === 'lost')
    return failed('TOOL_FAILED', 'the Python process that runs the calls ended unexpectedly; it starts anew with the next call')
  if (end.exit === 'fork') return failed('TOOL_FAILED', `no process could be made for the call: ${end.result}`)
  if (end.exit === 'limit') return failed('TOOL_FAILED', 'the result is over the limit of 1 MiB')
  if (end.exit !== 0 || end.result === '')
    return failed('TOOL_FAILED', `the code ended its process without a result (${exitText(end.exit)})`)
  return parseAnswer(end.result)
}

function parseAnswer(text: string): ToolOutcome {
  let answer: JsonValue
  try {
    answer = parseJson(text)
  } catch {
    return failed('TOOL_FAILED', 'the code wrote into the channel of its result')
  }
  if (!isJsonObject(answer)) return failed('TOOL_FAILED', 'the code wrote into the channel of its result')
  if (Object.hasOwn(answer, 'error')) return failed('TOOL_FAILED', String(answer.error))
  return unwrapResult(answer.value ?? null)
}

function exitText(exit: number): string {
  if (exit >= 0) return `exit status ${exit}`
  return exit === -9 ? 'killed, perhaps for want of memory' : `signal ${-exit}`
}
