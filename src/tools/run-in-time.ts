import { failed } from './outcome.js'
import type { ToolCallContext, ToolOutcome } from './tool.js'

/** A tool that was told to stop gets this long to clean up before its call ends without it. */
const STOP_GRACE_MS = 1500

/** The longest delay that a timer of Node holds. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Runs one call of a tool, in the server or in a worker outside it; its timeout and its cancellation are enforced here,
 * whatever the tool does. Rejects with what the tool throws in its time.
 */
export async function runInTime(
  run: (call: ToolCallContext) => Promise<ToolOutcome> | ToolOutcome,
  call: ToolCallContext,
): Promise<ToolOutcome> {
  if (call.signal.aborted) return cancelled()
  const stop = new AbortController()
  let ending: ToolOutcome | null = null
  let abandon: (outcome: ToolOutcome) => void = () => {}
  const abandoned = new Promise<ToolOutcome>((resolve) => {
    abandon = resolve
  })
  let grace: NodeJS.Timeout | undefined
  const end = (outcome: ToolOutcome) => {
    if (ending) return
    ending = outcome
    stop.abort()
    grace = setTimeout(abandon, STOP_GRACE_MS, outcome)
  }
  const onCancel = () => end(cancelled())
  const timer = setTimeout(() => end(timedOut(call.timeoutMs)), Math.min(call.timeoutMs, MAX_TIMER_MS))
  call.signal.addEventListener('abort', onCancel, { once: true })
  try {
    const outcome = await Promise.race([run({ ...call, log: call.log, signal: stop.signal }), abandoned])
    return ending ?? outcome
  } catch (error) {
    if (ending) return ending
    throw error
  } finally {
    clearTimeout(timer)
    clearTimeout(grace)
    call.signal.removeEventListener('abort', onCancel)
  }
}

function cancelled(): ToolOutcome {
  return failed('TOOL_FAILED', 'cancelled while the tool was running')
}

function timedOut(timeoutMs: number): ToolOutcome {
  return failed(
    'TIMEOUT',
    `no result after ${timeoutMs / 1000} s: the tool was stopped; raise the step's timeout if it needs longer`,
  )
}
