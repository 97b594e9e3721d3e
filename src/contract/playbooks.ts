import { z } from 'zod'
import { timestamp } from './shape.js'

/** POST /api/playbooks with JSON; with YAML the body is the source itself. */
export const registerPlaybookRequest = z.strictObject({ source: z.string() })
export type RegisterPlaybookRequest = z.infer<typeof registerPlaybookRequest>

export const playbookResponse = z.object({
  path: z.string(),
  version: z.number(),
  name: z.string(),
  registered_at: timestamp,
})
export type PlaybookResponse = z.infer<typeof playbookResponse>
