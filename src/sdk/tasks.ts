import {
  type CompleteTaskRequest,
  type CompleteTaskResponse,
  completeTaskResponse,
  type TaskResponse,
  taskResponse,
} from '../contract/tasks.js'
import { TransientError } from '../core/errors.js'
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import { type Http, ResponseLostError, responseError } from './http.js'

/** A task that this worker has leased. */
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
  /** Repeating it is harmless: a duplicate returns `accepted: false`. @throws TransientError CONFLICT when the lease is lost */
  complete(task: WorkerTask, completion: Completion, signal?: AbortSignal): Promise<CompleteTaskResponse>
  /** Gives the task back unfinished. @throws TransientError CONFLICT when the lease is lost */
  release(task: WorkerTask, signal?: AbortSignal): Promise<void>
}

/** A claim may wait for its task; what comes later than this is lost on the way. */
const CLAIM_ANSWER_MS = 10_000

interface Limits {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
}

/** The worker protocol over REST. */
export function createTaskCalls(http: Http): TaskCalls {
  async function post(path: string, body: JsonObject, limits: Limits): Promise<JsonValue> {
    const response = await http.send({ method: 'POST', path: `/api/tasks/${path}`, body, ...limits })
    if (response.status < 200 || response.status > 299) throw responseError(response)
    try {
      return parseJson(response.text)
    } catch (error) {
      throw new ResponseLostError(http.url, error, 'broke off its answer')
    }
  }

  const ticket = ({ attempt, token }: WorkerTask) => ({ attempt, token })

  return {
    async claim({ pool, workerId, waitMs, signal }) {
      const response = await post(
        'claim',
        { pool, worker_id: workerId, wait_ms: waitMs },
        { signal, timeoutMs: waitMs + CLAIM_ANSWER_MS },
      )
      if (response === null) return null
      const task = taskResponse.safeParse(response)
      if (task.success) return task.data
      throw new TransientError('INTERNAL', 'the server answered a claim with no task that this worker understands')
    },
    async heartbeat(task, signal) {
      await post(`${task.id}/heartbeat`, ticket(task), { signal, timeoutMs: Math.max(1000, task.lease_ms) })
    },
    async complete(task, completion, signal) {
      const body = { ...ticket(task), ...(completion as JsonObject) }
      return completeTaskResponse.parse(await post(`${task.id}/complete`, body, { signal }))
    },
    async release(task, signal) {
      await post(`${task.id}/release`, ticket(task), { signal })
    },
  }
}
