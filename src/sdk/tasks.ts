import {
  type CompleteTaskRequest,
  type CompleteTaskResponse,
  completeTaskResponse,
  type TaskResponse,
  taskResponse,
} from '../contract/tasks.js'
import { TransientError } from '../core/errors.js'
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import { type Http, responseError, UnreachableError } from './http.js'

/** A task that this worker holds. */
export type WorkerTask = TaskResponse

export interface ClaimOptions {
  readonly pool: string
  readonly workerId: string
  /** How long the server may wait for a task; at most 60,000. */
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

export type Completion = Omit<CompleteTaskRequest, 'attempt' | 'token'>

/** The worker protocol (docs/protocol.md), one call each. They throw `TransientError` with the server's code, and `UnreachableError`. */
export interface TaskCalls {
  /** null when nothing came in time. */
  claim(options: ClaimOptions): Promise<WorkerTask | null>
  /** Extends the lease. @throws TransientError CONFLICT when it is lost */
  heartbeat(task: WorkerTask, signal?: AbortSignal): Promise<void>
  /** Repeating it is harmless: a duplicate answers `accepted: false`. @throws TransientError CONFLICT when the lease is lost */
  complete(task: WorkerTask, completion: Completion, signal?: AbortSignal): Promise<CompleteTaskResponse>
  /** Gives the task back unfinished. @throws TransientError CONFLICT when the lease is lost */
  release(task: WorkerTask, signal?: AbortSignal): Promise<void>
}

/** The worker protocol over REST. */
export function createTaskCalls(http: Http): TaskCalls {
  async function post(path: string, body: JsonObject, signal: AbortSignal | undefined): Promise<JsonValue> {
    const response = await http.send({ method: 'POST', path: `/api/tasks/${path}`, body, signal })
    if (!response.ok) throw await responseError(response)
    try {
      return parseJson(await response.text())
    } catch (error) {
      if (signal?.aborted) throw error
      // An answer that breaks off says as little as none at all.
      throw new UnreachableError(response.url, error)
    }
  }

  const ticket = ({ attempt, token }: WorkerTask) => ({ attempt, token })

  return {
    async claim({ pool, workerId, waitMs, signal }) {
      const answer = await post('claim', { pool, worker_id: workerId, wait_ms: waitMs }, signal)
      if (answer === null) return null
      const task = taskResponse.safeParse(answer)
      if (task.success) return task.data
      throw new TransientError('INTERNAL', 'the server answered a claim with no task that this worker understands')
    },
    async heartbeat(task, signal) {
      await post(`${task.id}/heartbeat`, ticket(task), signal)
    },
    async complete(task, completion, signal) {
      const body = { ...ticket(task), ...(completion as JsonObject) }
      return completeTaskResponse.parse(await post(`${task.id}/complete`, body, signal))
    },
    async release(task, signal) {
      await post(`${task.id}/release`, ticket(task), signal)
    },
  }
}
