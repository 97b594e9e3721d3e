import { z } from 'zod'
import { jsonObject, timestamp } from './shape.js'

/** PUT /api/schedules/{name} */
export const scheduleRequest = z.strictObject({
  path: z.string(),
  version: z.int().min(1).nullish(),
  cron: z.string().nullish(),
  every_seconds: z.int().nullish(),
  time_zone: z.string().nullish(),
  workload: jsonObject.nullish(),
  missed: z.enum(['last', 'all', 'none']).nullish(),
  overlap: z.enum(['allow', 'skip', 'cancel']).nullish(),
  is_paused: z.boolean().nullish(),
})

const scheduleResponse = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  version: z.number().nullable(),
  cron: z.string().nullable(),
  every_seconds: z.number().nullable(),
  time_zone: z.string(),
  workload: jsonObject.nullable(),
  missed: z.string(),
  overlap: z.string(),
  is_paused: z.boolean(),
  reason: z.string().nullable(),
  next_at: timestamp.nullable(),
  last_at: timestamp.nullable(),
  last_execution_id: z.string().nullable(),
})
export type ScheduleResponse = z.infer<typeof scheduleResponse>
