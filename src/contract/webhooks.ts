import { z } from 'zod'
import { VARIABLE_TYPES } from '../core/status.js'
import { timestamp } from './shape.js'

/** POST /api/webhooks, PUT /api/webhooks/{id}. Events as in the bodies that are sent: `variables`, `execution.failed`. */
export const webhookRequest = z.strictObject({
  name: z.string(),
  url: z.string(),
  path_prefix: z.string().nullish(),
  events: z.array(z.string()),
  names: z.array(z.string()).nullish(),
  types: z.array(z.enum(VARIABLE_TYPES)).nullish(),
  except_actors: z.array(z.string()).nullish(),
  when: z.string().nullish(),
})

const webhookResponse = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  path_prefix: z.string().nullable(),
  events: z.array(z.string()),
  names: z.array(z.string()).nullable(),
  types: z.array(z.string()).nullable(),
  except_actors: z.array(z.string()),
  when: z.string().nullable(),
  created_at: timestamp,
})
export type WebhookResponse = z.infer<typeof webhookResponse>

/** POST /api/webhooks/{id}/redeliver */
export const redeliverRequest = z.strictObject({ execution_id: z.string(), from_revision: z.int().min(0) })

const deliveryResponse = z.object({
  execution_id: z.string(),
  delivered_revision: z.number(),
  pending_revision: z.number(),
  attempts: z.number(),
  next_attempt_at: timestamp.nullable(),
  last_status: z.number().nullable(),
  last_error: z.string().nullable(),
  delivered_at: timestamp.nullable(),
})
export type DeliveryResponse = z.infer<typeof deliveryResponse>
