import type { ToolCallContext, ToolOutcome } from '../tools/tool.js'
import type { ClientOptions } from './http.js'
import type { TaskCalls, WorkerTask } from './tasks.js'

/** What became of a task of this worker. */
export type WorkerEvent =
  | { readonly type: 'claimed' | 'completed' | 'released'; readonly task: WorkerTask }
  /** The lease is lost to another worker, or the task was withdrawn: the tool is stopped and its result dropped. */
  | { readonly type: 'lost'; readonly task: WorkerTask }
  /** The server did not answer or could not serve; the worker tries again. */
  | { readonly type: 'waiting'; readonly task: WorkerTask | null; readonly error: unknown }

export type RunTask = (task: WorkerTask, call: ToolCallContext) => Promise<ToolOutcome> | ToolOutcome

export interface WorkerSettings {
  /** The steps whose `pool` this is; `default` where they name none. */
  readonly pool?: string
  /** Tasks leased at once; never more are claimed. */
  readonly concurrency?: number
  /** 1 to 200 characters; host, process and a random part where absent. */
  readonly workerId?: string
  /**
   * Runs one task. `call.signal` aborts when its time is up, its lease is lost, or the worker must end. A fault that it
   * throws fails the attempt with TOOL_FAILED.
   */
  readonly run: RunTask
  /** Aborting it drains the worker. */
  readonly signal?: AbortSignal
  /** What still runs this long after `drain()` began is stopped and given back. */
  readonly drainMs?: number
  readonly onEvent?: (event: WorkerEvent) => void
}

export type WorkerOptions = WorkerSettings & (ClientOptions | { readonly client: { readonly tasks: TaskCalls } })

export interface Worker {
  readonly id: string
  /** How many tasks it has now. */
  readonly running: number
  /** Resolves when the worker was drained; rejects when the server refuses it for good (a wrong key or pool), or `onEvent` threw. */
  readonly done: Promise<void>
  /** Stops claiming, and finishes or gives back what it has. */
  drain(): Promise<void>
}
