import { z } from 'zod'
import { CHANGE_OPERATIONS, VARIABLE_TYPES } from '../core/status.js'
import { jsonNumber, jsonObject, jsonValue, timestamp } from './shape.js'

/** POST /api/vars/{execution_id}. An unknown `var_type` is BAD_REQUEST, so its words are checked by the route. */
export const setVariablesRequest = z.strictObject({
  variables: jsonObject,
  var_type: z.string().optional(),
  source_step: z.string().nullish(),
  /** All of them, or those named. */
  sensitive: z.union([z.boolean(), z.array(z.string())]).nullish(),
  /** Seconds until they are deleted. */
  ttl: z.number().nullish(),
})
export type SetVariablesRequest = z.infer<typeof setVariablesRequest>

export const setVariablesResponse = z.object({
  execution_id: jsonNumber,
  variables_set: z.number(),
  var_names: z.array(z.string()),
})
export type SetVariablesResponse = z.infer<typeof setVariablesResponse>

export const variableMetadata = z.object({
  /** `********` where it is sensitive. */
  value: jsonValue,
  sensitive: z.literal(true).optional(),
  type: z.enum(VARIABLE_TYPES),
  source_step: z.string().nullable(),
  created_at: timestamp,
  accessed_at: timestamp,
  access_count: z.number(),
})
export type VariableMetadata = z.infer<typeof variableMetadata>

export const variableValueResponse = variableMetadata.extend({ execution_id: jsonNumber, var_name: z.string() })
export type VariableValueResponse = z.infer<typeof variableValueResponse>

/** GET /api/vars/{execution_id}?until=… */
export const untilResponse = z.object({
  execution_id: jsonNumber,
  revision: z.number(),
  matched: z.boolean(),
  variables: jsonObject,
})
export type UntilResponse = z.infer<typeof untilResponse>

export const variableListResponse = z.object({
  execution_id: jsonNumber,
  variables: z.record(z.string(), variableMetadata),
  count: z.number(),
})
export type VariableListResponse = z.infer<typeof variableListResponse>

export const deleteVariableResponse = z.object({ execution_id: jsonNumber, var_name: z.string(), deleted: z.boolean() })
export type DeleteVariableResponse = z.infer<typeof deleteVariableResponse>

export const deleteVariablesResponse = z.object({ execution_id: jsonNumber, deleted_count: z.number() })
export type DeleteVariablesResponse = z.infer<typeof deleteVariablesResponse>

/** One change, in the event stream and in the long-poll. */
export const changeBody = z.object({
  name: z.string(),
  operation: z.enum(CHANGE_OPERATIONS),
  value: jsonValue,
  previous_value: jsonValue,
  sensitive: z.literal(true).optional(),
  type: z.enum(VARIABLE_TYPES),
  source_step: z.string().nullable(),
  actor: z.string(),
  changed_at: timestamp,
})
export type ChangeBody = z.infer<typeof changeBody>

export const WATCH_EVENT_KINDS = ['subscribed', 'changed', 'bookmark'] as const

/** `data:` of one event of GET /api/vars/{execution_id}/events. */
export const watchEventBody = z.object({ revision: z.number(), changes: z.array(changeBody) })
export type WatchEventBody = z.infer<typeof watchEventBody>

/** The long-poll: here several revisions may come at once, so that each change names its own. */
export const polledChangesResponse = z.object({
  execution_id: jsonNumber,
  revision: z.number(),
  changes: z.array(changeBody.extend({ revision: z.number() })),
})
export type PolledChangesResponse = z.infer<typeof polledChangesResponse>
