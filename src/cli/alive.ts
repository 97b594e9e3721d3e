import { writeFileSync } from 'node:fs'
import type { TaskCalls } from '../sdk/tasks.js'
import { UsageError } from './exit.js'

/**
 * Task calls that write the time into a file whenever the server answered one. A worker that is frozen, or cut off, stops:
 * its health check looks at the file's age, since a worker listens on no port.
 * @throws UsageError when the file cannot be written
 */
export function withAliveFile(calls: TaskCalls, path: string): TaskCalls {
  const touch = (): void => writeFileSync(path, new Date().toISOString())
  try {
    touch()
  } catch {
    throw new UsageError(`--alive-file: ${path} cannot be written`)
  }
  const alive = async <T>(call: Promise<T>): Promise<T> => {
    const response = await call
    try {
      touch()
    } catch {
      // A file that cannot be written grows old, which is what its reader looks at; the response may be a task.
    }
    return response
  }
  return {
    claim: (options) => alive(calls.claim(options)),
    claimSeveral: (options) => alive(calls.claimSeveral(options)),
    heartbeatSeveral: (tasks) => alive(calls.heartbeatSeveral(tasks)),
    completeSeveral: (reports) => alive(calls.completeSeveral(reports)),
    heartbeat: (task, signal) => alive(calls.heartbeat(task, signal)),
    complete: (task, completion, signal) => alive(calls.complete(task, completion, signal)),
    release: (task, signal) => alive(calls.release(task, signal)),
  }
}
