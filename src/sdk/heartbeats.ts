import { MAX_TASKS } from '../contract/tasks.js'
import { isTransientError } from '../core/errors.js'
import type { TaskCalls, WorkerTask } from './tasks.js'
import type { WorkerEvent } from './worker-options.js'

/** Keeps a lease until the function is called that it returns; `lost` is aborted when the lease is another's, or the task withdrawn. */
export type KeepLease = (task: WorkerTask, lost: AbortController) => () => void

interface HeartbeatOptions {
  readonly calls: Pick<TaskCalls, 'heartbeatSeveral'>
  readonly emit: (event: WorkerEvent) => void
}

/** Extends all leases of a worker together, at each third of the shortest; a server that does not answer is asked again at the next. */
export function createHeartbeats({ calls, emit }: HeartbeatOptions): KeepLease {
  const kept = new Map<WorkerTask, AbortController>()
  let timer: NodeJS.Timeout | undefined
  let leaseMs = Number.POSITIVE_INFINITY

  function beat(): void {
    const tasks = [...kept.keys()]
    for (let from = 0; from < tasks.length; from += MAX_TASKS) void extend(tasks.slice(from, from + MAX_TASKS))
  }

  async function extend(tasks: readonly WorkerTask[]): Promise<void> {
    try {
      for (const [index, result] of (await calls.heartbeatSeveral(tasks)).entries()) {
        const task = tasks[index]
        if (result.status === 'fulfilled' || task === undefined) continue
        if (isConflict(result.reason)) kept.get(task)?.abort()
        else if (kept.has(task)) emit({ type: 'waiting', task, error: result.reason })
      }
    } catch (error) {
      if (tasks.some((task) => kept.has(task))) emit({ type: 'waiting', task: null, error })
    }
  }

  return (task, lost) => {
    kept.set(task, lost)
    if (task.lease_ms < leaseMs) {
      leaseMs = task.lease_ms
      clearInterval(timer)
      timer = setInterval(beat, leaseMs / 3)
    }
    return () => {
      kept.delete(task)
      if (kept.size > 0) return
      clearInterval(timer)
      leaseMs = Number.POSITIVE_INFINITY
    }
  }
}

/** Whether a task is no longer this worker's. */
export function isConflict(error: unknown): boolean {
  return isTransientError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND')
}
