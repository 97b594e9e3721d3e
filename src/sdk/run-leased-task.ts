import { errorMessage, isTransientError } from '../core/errors.js'
import { linkSignals } from '../core/linked-signal.js'
import { boundLog } from '../tools/bound-log.js'
import { failed } from '../tools/outcome.js'
import { runInTime } from '../tools/run-in-time.js'
import { seriesOf } from '../tools/tool.js'
import { toCompletion } from './completion.js'
import { isConflict, type KeepLease } from './heartbeats.js'
import { isRetryable, pause } from './retry-delay.js'
import type { Completion, TaskCalls, WorkerTask } from './tasks.js'
import type { RunTask, WorkerEvent } from './worker-options.js'

/** A worker that ends waits this long for the server to take a task back. */
const RELEASE_MS = 1000
/** After this many faults of the server with one report, the report is what is wrong. */
const MAX_FAULTS = 10

interface TaskRun {
  readonly calls: TaskCalls
  readonly run: RunTask
  readonly keepLease: KeepLease
  readonly emit: (event: WorkerEvent) => void
  /** Aborted when the worker must end now. */
  readonly halt: AbortSignal
}

/** One claimed task from here to its report: heartbeats, the tool, and a completion that the server has understood. */
export async function runLeasedTask(taskRun: TaskRun, task: WorkerTask): Promise<void> {
  const { calls, emit, halt } = taskRun
  const lost = new AbortController()
  const { signal: stop, release } = linkSignals([lost.signal, halt])
  const stopHeartbeats = taskRun.keepLease(task, lost)
  try {
    const completion = await perform(taskRun, task, stop)
    if (await report(taskRun, { task, completion, stop })) {
      emit({ type: 'completed', task })
    } else if (!lost.signal.aborted) {
      await releaseSoon(calls, task)
      emit({ type: 'released', task })
    }
  } catch (error) {
    // A task that cannot even be given back is offered again when its lease ends.
    if (isConflict(error)) lost.abort()
    else emit({ type: 'waiting', task, error })
  } finally {
    stopHeartbeats()
    release()
  }
  if (lost.signal.aborted) emit({ type: 'lost', task })
}

/** Gives a task back, unless the server takes longer than an end may. */
async function releaseSoon(calls: TaskCalls, task: WorkerTask): Promise<void> {
  const { signal, release } = linkSignals([], { timeoutMs: RELEASE_MS })
  await calls.release(task, signal).finally(release)
}

async function perform({ run }: TaskRun, task: WorkerTask, signal: AbortSignal): Promise<Completion> {
  const log = boundLog()
  const { timeout_ms: timeoutMs, idempotency_key: idempotencyKey, execution_id: executionId } = task
  const call = { signal, timeoutMs, idempotencyKey, series: seriesOf(executionId, task), log: log.add }
  try {
    const outcome = await runInTime((bounded) => run(task, bounded), call)
    return toCompletion(outcome, log.text())
  } catch (error) {
    return toCompletion(failed('TOOL_FAILED', errorMessage(error)), log.text())
  }
}

interface Report {
  readonly task: WorkerTask
  readonly completion: Completion
  readonly stop: AbortSignal
}

/** Reports until the server has understood; false when it was stopped before. What it refuses as such is reported as the tool's failure. */
async function report({ calls, emit }: TaskRun, { task, completion, stop }: Report): Promise<boolean> {
  let current = completion
  let isRefused = false
  for (let failures = 1; !stop.aborted; failures += 1) {
    try {
      await calls.complete(task, current, stop)
      return true
    } catch (error) {
      if (stop.aborted) break
      if (isRetryable(error) && !(isFault(error) && failures % MAX_FAULTS === 0)) {
        emit({ type: 'waiting', task, error })
        await pause(failures, stop)
      } else {
        if (isConflict(error) || isRefused) throw error
        isRefused = true
        current = { error: { code: 'TOOL_FAILED', message: `the result was refused: ${errorMessage(error)}` } }
      }
    }
  }
  return false
}

function isFault(error: unknown): boolean {
  return isTransientError(error) && error.code === 'INTERNAL'
}
