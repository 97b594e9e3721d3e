import { z } from 'zod'
import type { ErrorCode } from '../core/errors.js'
import { jsonObject, jsonValue, timestamp } from './shape.js'

/** What a worker may report as the fault of an attempt. */
export const TASK_ERROR_CODES = [
  'TOOL_FAILED',
  'TIMEOUT',
  'TEMPLATE_UNDEFINED',
  'TEMPLATE_ERROR',
  'TEMPLATE_FORBIDDEN',
] as const satisfies readonly ErrorCode[]

const MAX_WAIT_MS = 60_000

/** POST /api/tasks/claim; answers a task, or `null` when nothing came within `wait_ms`. */
export const claimTaskRequest = z.strictObject({
  pool: z.string().min(1).default('default'),
  worker_id: z.string().min(1),
  wait_ms: z.int().min(0).max(MAX_WAIT_MS).default(0),
})
export type ClaimTaskRequest = z.infer<typeof claimTaskRequest>

/** POST /api/tasks/{id}/heartbeat, and /release */
export const heartbeatTaskRequest = z.strictObject({ attempt: z.int().min(1), token: z.string() })
export type HeartbeatTaskRequest = z.infer<typeof heartbeatTaskRequest>

/**
 * POST /api/tasks/{id}/complete; an `error` and a `result` exclude each other. `extras` stand in `this` beside its own keys,
 * an error's `details` in `this.error`.
 */
export const completeTaskRequest = heartbeatTaskRequest.extend({
  result: jsonValue.optional(),
  error: z
    .strictObject({
      code: z.enum(TASK_ERROR_CODES),
      message: z.string(),
      details: jsonObject.optional(),
      data: jsonValue.optional(),
    })
    .nullish(),
  extras: jsonObject.optional(),
  log: z.string().nullish(),
})
export type CompleteTaskRequest = z.infer<typeof completeTaskRequest>

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
