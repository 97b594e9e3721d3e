import type { Context, Hono } from 'hono'
import type { AuditResponse, CallerResponse, CreateKeyResponse, KeyResponse } from '../../contract/access.js'
import { createKeyRequest } from '../../contract/access.js'
import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import { parseTime } from '../../core/time.js'
import type { ApiKeyRecord } from '../../keys/record.js'
import { readJson } from '../body.js'
import { actorOf, jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'
import { flag, wholeNumber } from '../query.js'

const ME_PATH = '/api/me'
const KEYS_PATH = '/api/keys'
const KEY_PATH = '/api/keys/:id'
const AUDIT_PATH = '/api/audit'

/** Who calls; the keys of callers; what they did. */
export function addAccessRoutes(app: Hono<RestEnv>): void {
  app.get(ME_PATH, (context) => jsonResponse(callerBody(context) as JsonObject))
  refuseOtherMethods(app, ME_PATH, ['GET'])

  app.get(KEYS_PATH, async (context) => {
    const keys = await servicesOf(context).keys.list()
    return jsonResponse({ keys: keys.map((key) => keyBody(key) as JsonObject) })
  })
  app.post(KEYS_PATH, async (context) => {
    const { name, role, expires_at: expiresAt } = await readJson(context, createKeyRequest)
    const expiry = expiresAt == null ? null : new Date(expiresAt)
    const made = await servicesOf(context).keys.create({ name, role, expiresAt: expiry, actor: actorOf(context) })
    const body: CreateKeyResponse = { ...keyBody(made.key), secret: made.secret, closes_server: made.isFirst }
    return jsonResponse(body as JsonObject, { status: 201 })
  })
  refuseOtherMethods(app, KEYS_PATH, ['GET', 'POST'])

  app.delete(KEY_PATH, async (context) => {
    const request = { id: context.req.param('id'), actor: actorOf(context), reopen: flag(context.req.query('reopen'), 'reopen') }
    const revoked = await servicesOf(context).keys.revoke(request)
    return jsonResponse(keyBody(revoked) as JsonObject)
  })
  refuseOtherMethods(app, KEY_PATH, ['DELETE'])

  app.get(AUDIT_PATH, async (context) => jsonResponse((await auditBody(context)) as JsonObject))
  refuseOtherMethods(app, AUDIT_PATH, ['GET'])
}

function callerBody(context: Context<RestEnv>): CallerResponse {
  const { name, actor, role, rights, executions, expiresAt } = context.var.session.principal
  return {
    ...{ name, actor, role, rights: [...rights] },
    execution_ids: executions === null ? null : [...executions],
    expires_at: expiresAt?.toISOString() ?? null,
  }
}

function keyBody(key: ApiKeyRecord): KeyResponse {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    created_at: key.createdAt.toISOString(),
    created_by: key.createdBy,
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  }
}

async function auditBody(context: Context<RestEnv>): Promise<AuditResponse> {
  const query = (name: string): string | undefined => context.req.query(name)
  const executionId = query('execution_id')
  const page = await servicesOf(context).audit.list({
    executionId: executionId === undefined ? null : parseExecutionId(executionId, 'execution_id'),
    actor: query('actor'),
    action: query('action'),
    since: timeOf(query('since'), 'since'),
    until: timeOf(query('until'), 'until'),
    first: wholeNumber(query('first'), 'first'),
    after: query('after'),
    signal: context.req.raw.signal,
  })
  return {
    entries: page.items.map((entry) => ({
      id: entry.seq,
      occurred_at: entry.occurredAt.toISOString(),
      actor: entry.actor,
      key_id: entry.keyId,
      action: entry.action,
      execution_id: entry.executionId,
      subject: entry.subject,
      count: entry.count,
    })),
    next: page.hasNextPage ? page.cursorAt(-1) : null,
  }
}

/** @throws TransientError VALIDATION when it is not a time */
function timeOf(text: string | undefined, field: string): Date | null {
  if (text === undefined) return null
  const time = parseTime(text)
  if (time !== null) return time
  throw new TransientError('VALIDATION', `${field}: "${text.slice(0, 40)}" is not a time like 2026-01-31T12:00:00Z`, {
    details: { field },
  })
}
