import { z } from 'zod'
import { RIGHTS, ROLES } from '../core/principal.js'
import { timestamp } from './shape.js'

/** GET /api/me */
export const callerResponse = z.object({
  name: z.string(),
  actor: z.string(),
  role: z.enum(ROLES),
  rights: z.array(z.enum(RIGHTS)),
  /** The only executions that exist for this caller, as text; null: all. */
  execution_ids: z.array(z.string()).nullable(),
  expires_at: timestamp.nullable(),
})
export type CallerResponse = z.infer<typeof callerResponse>

/** POST /api/keys */
export const createKeyRequest = z.strictObject({
  name: z.string(),
  role: z.enum(ROLES),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
})
export type CreateKeyRequest = z.infer<typeof createKeyRequest>

/** GET /api/keys lists them, DELETE /api/keys/{id} returns one. */
export const keyResponse = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  created_at: timestamp,
  created_by: z.string(),
  expires_at: timestamp.nullable(),
  revoked_at: timestamp.nullable(),
  last_used_at: timestamp.nullable(),
})
export type KeyResponse = z.infer<typeof keyResponse>

/** The whole key is in this response, and in no other. */
export const createKeyResponse = keyResponse.extend({ secret: z.string(), closes_server: z.boolean() })
export type CreateKeyResponse = z.infer<typeof createKeyResponse>

export const auditEntryBody = z.object({
  id: z.string(),
  occurred_at: timestamp,
  actor: z.string(),
  key_id: z.string().nullable(),
  action: z.string(),
  execution_id: z.string().nullable(),
  subject: z.string().nullable(),
  count: z.number(),
})

/** GET /api/audit, newest first; `next` is the `after` of the next page. */
export const auditResponse = z.object({ entries: z.array(auditEntryBody), next: z.string().nullable() })
export type AuditResponse = z.infer<typeof auditResponse>
