import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { hostname } from 'node:os'
import { setImmediate as immediate } from 'node:timers/promises'
import { MAX_TASKS } from '../contract/tasks.js'
import { createHeartbeats } from './heartbeats.js'
import { createHttp } from './http.js'
import { createReports } from './reports.js'
import { isRetryable, pause } from './retry-delay.js'
import { runLeasedTask } from './run-leased-task.js'
import { createTaskCalls, type WorkerTask } from './tasks.js'
import type { Worker, WorkerOptions } from './worker-options.js'

const CLAIM_WAIT_MS = 20_000
const DRAIN_MS = 7_000

/**
 * A worker over the API (docs/protocol.md): claims tasks of a pool, keeps their leases with heartbeats, and reports how
 * they ended. It starts at once, and goes on through restarts of the server until it is drained.
 * @throws RangeError for a concurrency that is not a whole number from 1 on
 */
export function createWorker(options: WorkerOptions): Worker {
  const { pool = 'default', concurrency = 1, run, signal, drainMs = DRAIN_MS, onEvent: emit = () => undefined } = options
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency must be a whole number from 1 on')
  const given = 'client' in options ? options.client.tasks : createTaskCalls(createHttp(options))
  const calls = { ...given, complete: createReports(given) }
  const keepLease = createHeartbeats({ calls, emit })
  const id = options.workerId ?? `${hostname().slice(0, 100)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const draining = new AbortController()
  const halting = new AbortController()
  // Each task listens.
  setMaxListeners(0, halting.signal)
  const leased = new Set<WorkerTask>()
  let freed = (): void => undefined
  let fault: { readonly error: unknown } | null = null

  const untilFreed = (): Promise<void> =>
    new Promise((resolve) => {
      freed = resolve
    })

  /** Claims as many as it can run, and no more. */
  async function work(): Promise<void> {
    let failures = 0
    while (!draining.signal.aborted) {
      try {
        const max = Math.min(concurrency - leased.size, MAX_TASKS)
        const tasks = await calls.claimSeveral({ pool, workerId: id, waitMs: CLAIM_WAIT_MS, max, signal: draining.signal })
        failures = 0
        for (const task of tasks) void runTask(task).catch(end)
        if (leased.size === concurrency) await untilFreed()
        // What ends at the same time makes room for one claim.
        await immediate()
      } catch (error) {
        if (draining.signal.aborted) break
        if (!isRetryable(error)) {
          end(error)
          break
        }
        failures += 1
        emit({ type: 'waiting', task: null, error })
        await pause(failures, draining.signal)
      }
    }
    while (leased.size > 0) await untilFreed()
  }

  async function runTask(task: WorkerTask): Promise<void> {
    leased.add(task)
    emit({ type: 'claimed', task })
    try {
      await runLeasedTask({ calls, run, keepLease, emit, halt: halting.signal }, task)
    } finally {
      leased.delete(task)
      freed()
    }
  }

  /** Drains for good, since the server refuses this worker or `onEvent` threw. */
  function end(error: unknown): void {
    fault ??= { error }
    beginDrain()
  }

  function beginDrain(): void {
    if (draining.signal.aborted) return
    draining.abort()
    const timer = setTimeout(() => halting.abort(), drainMs)
    done.catch(() => undefined).finally(() => clearTimeout(timer))
  }

  const done = work().then(() => {
    signal?.removeEventListener('abort', beginDrain)
    if (fault) throw fault.error
  })
  // Whoever does not look at `done` shall not end with an unhandled rejection.
  done.catch(() => undefined)
  if (signal?.aborted) beginDrain()
  else signal?.addEventListener('abort', beginDrain, { once: true })

  return {
    id,
    get running() {
      return leased.size
    },
    done,
    drain() {
      beginDrain()
      return done
    },
  }
}
