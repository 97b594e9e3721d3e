import type { Logger } from 'pino'
import { createSessions, type Sessions } from '../access/sessions.js'
import type { Verifier } from '../access/verifier.js'
import { apiKeyVerifier } from '../access/verifiers/api-key.js'
import { jwtVerifier } from '../access/verifiers/jwt.js'
import { settingKeyVerifier } from '../access/verifiers/setting-key.js'
import { taskTokenVerifier } from '../access/verifiers/task-token.js'
import { createAuditLog } from '../audit/service.js'
import { type Config, hasCredential } from '../config.js'
import { errorMessage } from '../core/errors.js'
import { ADMIN, WORKER } from '../core/principal.js'
import type { Database } from '../db/database.js'
import { createKeysService } from '../keys/service.js'
import { hasUnrevokedKey } from '../keys/store.js'
import type { Services } from '../orchestrator/services.js'
import type { Closing } from './closing.js'

const PURGE_MS = 3_600_000

export interface Access {
  readonly sessions: Sessions
  /** All services, unbound: for this process itself, never for an API. */
  readonly services: Services
}

interface AccessParts {
  readonly db: Database
  readonly services: Omit<Services, 'keys' | 'audit'>
  readonly logger: Logger
  readonly closing: Closing
}

/** Who may call, by every credential that the settings and the database know, and the audit of what callers do. */
export async function openAccess(config: Config, { db, services: given, logger, closing }: AccessParts): Promise<Access> {
  const audit = createAuditLog({ db, days: config.auditDays, logger })
  closing.add('audit', audit.close)
  const isConfigured = hasCredential(config)
  const keys = createKeysService({ db, isConfigured, beforeAction: audit.flush, onChanged: () => sessions.refresh() })
  const services: Services = { ...given, keys, audit }
  const sessions = createSessions({
    ...{ services, note: audit.note, logger, rateLimit: config.rateLimit },
    verifiers: verifiersOf(config, db),
    taskTokens: taskTokenVerifier(db),
    isClosed: async () => isConfigured || (await hasUnrevokedKey(db)),
  })
  closing.add('sessions', async () => sessions.close())
  await sessions.refresh()

  const purge = (): void =>
    void audit.purge().catch((error: unknown) => logger.warn({ reason: errorMessage(error) }, 'the audit was not purged'))
  const purging = setInterval(purge, PURGE_MS).unref()
  closing.add('purge of the audit', async () => clearInterval(purging))
  return { sessions, services }
}

function verifiersOf({ adminKey, workerKey, jwt }: Config, db: Database): Verifier[] {
  return [
    ...(adminKey === null ? [] : [settingKeyVerifier(adminKey, ADMIN)]),
    ...(workerKey === null ? [] : [settingKeyVerifier(workerKey, WORKER)]),
    apiKeyVerifier(db),
    ...(jwt === null ? [] : [jwtVerifier(jwt)]),
  ]
}
