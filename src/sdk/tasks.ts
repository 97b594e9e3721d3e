import type { z } from 'zod'
import { fromProblem } from '../contract/problem.js'
import {
  type CompleteTaskRequest,
  type CompleteTaskResponse,
  claimTasksResponse,
  completeTaskResponse,
  type TaskResponse,
  taskResponse,
  tasksResponse,
} from '../contract/tasks.js'
import { TransientError } from '../core/errors.js'
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js'
import { type Http, ResponseLostError, responseError } from './http.js'
import { isRetryable } from './retry-delay.js'

/** A task that this worker has leased. */
export type WorkerTask = TaskResponse

export interface ClaimOptions {
  readonly pool: string
  readonly workerId: string
  /** How long the server may wait for a task; at most 60,000. */
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

export interface ClaimSeveralOptions extends ClaimOptions {
  /** At most 250. */
  readonly max: number
}

export type Completion = Omit<CompleteTaskRequest, 'attempt' | 'token'>

/** A task, and how its attempt ended. */
export interface Report {
  readonly task: WorkerTask
  readonly completion: Completion
}

/** The worker protocol (docs/protocol.md), one call each. They throw `TransientError` with the server's code, and `UnreachableError`. */
export interface TaskCalls {
  /** null when nothing came in time. */
  claim(options: ClaimOptions): Promise<WorkerTask | null>
  /** Up to `max` tasks, of which it waits for the first; none when nothing came in time. */
  claimSeveral(options: ClaimSeveralOptions): Promise<readonly WorkerTask[]>
  /** Extends the lease. @throws TransientError CONFLICT when it is lost */
  heartbeat(task: WorkerTask, signal?: AbortSignal): Promise<void>
  /** At most 250 leases by one request; each is extended, or lost, for itself. */
  heartbeatSeveral(tasks: readonly WorkerTask[]): Promise<readonly PromiseSettledResult<unknown>[]>
  /** Repeating it is harmless: a duplicate returns `accepted: false`. @throws TransientError CONFLICT when the lease is lost */
  complete(task: WorkerTask, completion: Completion, signal?: AbortSignal): Promise<CompleteTaskResponse>
  /** At most 250 by one request; each is accepted, or refused, for itself. */
  completeSeveral(reports: readonly Report[]): Promise<readonly PromiseSettledResult<CompleteTaskResponse>[]>
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

  async function claimed<Schema extends z.ZodType>(schema: Schema, options: ClaimOptions, more: JsonObject = {}) {
    const { pool, workerId, waitMs, signal } = options
    const body = { pool, worker_id: workerId, wait_ms: waitMs, ...more }
    const response = schema.safeParse(await post('claim', body, { signal, timeoutMs: waitMs + CLAIM_ANSWER_MS }))
    if (response.success) return response.data
    throw new TransientError('INTERNAL', 'the server answered a claim with no task that this worker understands')
  }

  /** One request for all; where it is refused as a whole, since it is too large or the server is an older one, one for each. */
  async function several<Given, T>(
    given: readonly Given[],
    { path, bodyOf, alone, timeoutMs }: Several<Given, T>,
  ): Promise<readonly PromiseSettledResult<T>[]> {
    const each = () => Promise.allSettled(given.map(alone))
    if (given.length === 1) return each()
    try {
      const { tasks } = tasksResponse.parse(
        await post(path, { tasks: given.map(bodyOf) }, timeoutMs === undefined ? {} : { timeoutMs }),
      )
      return given.map((_, index) => settledAs<T>(tasks[index]))
    } catch (error) {
      if (isRetryable(error)) throw error
      return each()
    }
  }

  const calls: TaskCalls = {
    claim: (options) => claimed(taskResponse.nullable(), options),
    async claimSeveral({ max, ...options }) {
      return (await claimed(claimTasksResponse, options, { max })).tasks
    },
    async heartbeat(task, signal) {
      await post(`${task.id}/heartbeat`, ticket(task), { signal, timeoutMs: heartbeatMs([task]) })
    },
    heartbeatSeveral: (tasks) =>
      several(tasks, {
        path: 'heartbeat',
        bodyOf: (task) => ({ id: task.id, ...ticket(task) }),
        alone: (task) => calls.heartbeat(task),
        timeoutMs: heartbeatMs(tasks),
      }),
    async complete(task, completion, signal) {
      const body = { ...ticket(task), ...(completion as JsonObject) }
      return completeTaskResponse.parse(await post(`${task.id}/complete`, body, { signal }))
    },
    completeSeveral: (reports) =>
      several(reports, {
        path: 'complete',
        bodyOf: ({ task, completion }) => ({ id: task.id, ...ticket(task), ...(completion as JsonObject) }),
        alone: ({ task, completion }) => calls.complete(task, completion),
      }),
    async release(task, signal) {
      await post(`${task.id}/release`, ticket(task), { signal })
    },
  }
  return calls
}

interface Several<Given, T> {
  readonly path: string
  readonly bodyOf: (given: Given) => JsonObject
  readonly alone: (given: Given) => Promise<T>
  readonly timeoutMs?: number
}

/** What the server said of one of several tasks. */
function settledAs<T>(answer: z.output<typeof tasksResponse>['tasks'][number] | undefined): PromiseSettledResult<T> {
  if (answer === undefined) throw new TransientError('INTERNAL', 'the server answered for fewer tasks than it was asked about')
  const { problem } = answer
  if (problem === undefined) return { status: 'fulfilled', value: answer as T }
  return { status: 'rejected', reason: fromProblem(problem as JsonObject, problem.status) }
}

/** An answer that comes after the lease is of no use. */
function heartbeatMs(tasks: readonly WorkerTask[]): number {
  return Math.max(1000, ...tasks.map(({ lease_ms }) => lease_ms))
}
