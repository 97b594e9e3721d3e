import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { createHttp } from './http.js'
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
  const calls = 'client' in options ? options.client.tasks : createTaskCalls(createHttp(options))
  const id = options.workerId ?? `${hostname().slice(0, 100)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const draining = new AbortController()
  const halting = new AbortController()
  const leased = new Set<string>()
  let fault: { readonly error: unknown } | null = null

  /** One slot: it claims only when it is free, so that the worker never has more than it can run. */
  async function work(): Promise<void> {
    let failures = 0
    while (!draining.signal.aborted) {
      try {
        const task = await calls.claim({ pool, workerId: id, waitMs: CLAIM_WAIT_MS, signal: draining.signal })
        failures = 0
        if (task) await runTask(task)
      } catch (error) {
        if (draining.signal.aborted) return
        if (!isRetryable(error)) {
          fault ??= { error }
          beginDrain()
          return
        }
        failures += 1
        emit({ type: 'waiting', task: null, error })
        await pause(failures, draining.signal)
      }
    }
  }

  async function runTask(task: WorkerTask): Promise<void> {
    leased.add(task.id)
    emit({ type: 'claimed', task })
    try {
      await runLeasedTask({ calls, run, emit, halt: halting.signal }, task)
    } finally {
      leased.delete(task.id)
    }
  }

  function beginDrain(): void {
    if (draining.signal.aborted) return
    draining.abort()
    const timer = setTimeout(() => halting.abort(), drainMs)
    done.catch(() => undefined).finally(() => clearTimeout(timer))
  }

  const slots = Array.from({ length: concurrency }, work)
  const done = Promise.all(slots).then(() => {
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
