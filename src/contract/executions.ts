import { z } from 'zod'
import { EXECUTION_STATUSES, STEP_STATUSES } from '../core/status.js'
import { jsonObject, jsonValue, timestamp } from './shape.js'

/** POST /api/executions */
export const startExecutionRequest = z.strictObject({
  path: z.string().min(1),
  version: z.int().min(1).nullish(),
  workload: jsonObject.nullish(),
})
export type StartExecutionRequest = z.infer<typeof startExecutionRequest>

/** POST /api/executions with several: started together, or none of them. */
export const startExecutionsRequest = z.strictObject({
  inputs: z.array(startExecutionRequest.extend({ idempotency_key: z.string().nullish() })),
})

/** POST /api/executions/{id}/cancel; the body may be left out. */
export const cancelExecutionRequest = z.strictObject({ reason: z.string().nullish() })
export type CancelExecutionRequest = z.infer<typeof cancelExecutionRequest>

/** POST /api/executions/{id}/steps/{run}/answer */
export const answerRequest = z.strictObject({ values: jsonObject })

export const answerResponse = z.object({
  execution_id: z.string(),
  run: z.number(),
  step: z.string(),
  status: z.enum(STEP_STATUSES),
  answered_by: z.string().nullable(),
})
export type AnswerResponse = z.infer<typeof answerResponse>

export const executionErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  step: z.string().nullable(),
  attempt: z.number().nullable(),
})

export const executionResponse = z.object({
  /** As text: here, unlike under /api/vars, 64-bit ids are strings. */
  id: z.string(),
  status: z.enum(EXECUTION_STATUSES),
  /** null for an execution created by a write. */
  path: z.string().nullable(),
  version: z.number().nullable(),
  workload: jsonValue,
  revision: z.number(),
  error: executionErrorBody.nullable(),
  parent_id: z.string().nullable(),
  rerun_of: z.string().nullable(),
  created_at: timestamp,
  finished_at: timestamp.nullable(),
})
export type ExecutionResponse = z.infer<typeof executionResponse>
