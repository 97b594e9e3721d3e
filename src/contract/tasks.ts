import { z } from 'zod'
import { type ErrorCode, TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { problemBody } from './problem.js'
import { jsonObject, jsonValue, parseShape, timestamp } from './shape.js'

/** What a worker may report as the fault of an attempt. */
export const TASK_ERROR_CODES = [
  'TOOL_FAILED',
  'TIMEOUT',
  'TEMPLATE_UNDEFINED',
  'TEMPLATE_ERROR',
  'TEMPLATE_FORBIDDEN',
] as const satisfies readonly ErrorCode[]

/** Of a claim for its task. */
export const MAX_WAIT_MS = 60_000

/** Tasks in one request. */
export const MAX_TASKS = 250

/**
 * POST /api/tasks/claim; returns a task, or `null` when nothing came within `wait_ms`. With `max` it returns `{tasks}`, of which there may
 * be none.
 */
export const claimTaskRequest = z.strictObject({
  pool: z.string().min(1).nullish(),
  worker_id: z.string().min(1),
  wait_ms: z.int().min(0).max(MAX_WAIT_MS).nullish(),
  max: z.int().min(1).max(MAX_TASKS).nullish(),
})
export type ClaimTaskRequest = z.infer<typeof claimTaskRequest>

/** POST /api/tasks/{id}/heartbeat, and /release */
export const heartbeatTaskRequest = z.strictObject({ attempt: z.int().min(1), token: z.string() })
export type HeartbeatTaskRequest = z.infer<typeof heartbeatTaskRequest>

/** POST /api/tasks/heartbeat and /api/tasks/complete: what concerns several tasks, each of which is read, and refused, alone. */
export const tasksRequest = z.strictObject({ tasks: z.array(jsonObject).min(1).max(MAX_TASKS) })

/** One task of several. */
export const namedTask = z.looseObject({ id: z.string() })

/**
 * POST /api/tasks/{id}/complete; an `error` and a `result` exclude each other. `extras` go into `this` beside its own keys,
 * an error's `details` in `this.error`.
 */
export const completeTaskRequest = heartbeatTaskRequest.extend({
  result: jsonValue.optional(),
  error: z
    .strictObject({
      code: z.enum(TASK_ERROR_CODES),
      message: z.string(),
      details: jsonObject.nullish(),
      data: jsonValue.optional(),
    })
    .nullish(),
  extras: jsonObject.nullish(),
  log: z.string().nullish(),
})
export type CompleteTaskRequest = z.infer<typeof completeTaskRequest>

/**
 * How an attempt ended, whichever API it is reported through; with an error its `data` is the result.
 * @throws TransientError VALIDATION, naming the field
 */
export function readCompletion(body: JsonValue) {
  const { error, result, extras, ...report } = parseShape(completeTaskRequest, body)
  if (result !== undefined && error) {
    throw new TransientError('VALIDATION', 'error: an attempt has a result or an error, not both', {
      details: { field: 'error' },
    })
  }
  const given = error && { code: error.code, message: error.message, details: error.details ?? undefined }
  return { ...report, result: error?.data ?? result, error: given, extras: extras ?? undefined }
}

export const taskResponse = z.object({
  id: z.string(),
  execution_id: z.string(),
  step: z.string(),
  visit: z.number(),
  iteration: z.number().nullable(),
  attempt: z.number(),
  kind: z.string(),
  input: jsonObject,
  timeout_ms: z.number(),
  idempotency_key: z.string(),
  token: z.string(),
  lease_until: timestamp,
  lease_ms: z.number(),
})
export type TaskResponse = z.infer<typeof taskResponse>

export const completeTaskResponse = z.object({ accepted: z.boolean(), revision: z.number() })
export type CompleteTaskResponse = z.infer<typeof completeTaskResponse>

export const claimTasksResponse = z.object({ tasks: z.array(taskResponse) })

/** What became of each of several tasks, in the order of the request; `problem` as a request about it alone would have been refused. */
export const tasksResponse = z.object({ tasks: z.array(z.looseObject({ id: z.string(), problem: problemBody.optional() })) })
