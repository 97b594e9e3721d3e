import type { Page } from '../core/cursor.js'
import { errorMessage } from '../core/errors.js'
import type { Database } from '../db/database.js'
import type { AuditEntry, AuditRequest, NewAuditEntry } from './record.js'
import { insertEntries, pageEntries, purgeEntries } from './store.js'

/** Who did what. */
export interface AuditService {
  /** Newest first. */
  list(request: AuditRequest): Promise<Page<AuditEntry>>
}

/** The side that writes: actions are gathered, and written together a moment later. */
export interface AuditLog extends AuditService {
  /** Never waits for the database, so that the audit costs a write nothing. */
  note(caller: Pick<NewAuditEntry, 'actor' | 'keyId'>, action: Omit<NewAuditEntry, 'actor' | 'keyId' | 'occurredAt'>): void
  /** Writes what was gathered. */
  flush(): Promise<void>
  /** Removes what AUDIT_DAYS no longer keeps. */
  purge(): Promise<void>
  close(): Promise<void>
}

interface AuditOptions {
  readonly db: Database
  readonly days: number
  readonly logger: { warn(fields: object, message: string): void }
}

const GATHER_MS = 250
/** The change log names the writer of variables at once: more of them may become one entry. */
const GATHER_WRITES_MS = 2_000
/** What is kept while the database is away; beyond, the oldest are lost, and the log says so. */
const MAX_GATHERED = 50_000

/**
 * The audit over the database. Variable writes of one caller to one execution within two seconds are one entry with their
 * count: the change log has each single one anyway, and one row more for each would be a good part of what a write costs.
 */
export function createAuditLog({ db, days, logger }: AuditOptions): AuditLog {
  let gathered = new Map<string, NewAuditEntry>()
  let timer: NodeJS.Timeout | null = null
  let dueAt = Number.POSITIVE_INFINITY
  let lost = 0
  let number = 0
  let writing: Promise<void> = Promise.resolve()

  function keep(key: string, entry: NewAuditEntry): void {
    const same = gathered.get(key)
    if (same === undefined && gathered.size >= MAX_GATHERED) {
      lost += 1
      return
    }
    gathered.set(key, same === undefined ? entry : together(same, entry))
  }

  const note: AuditLog['note'] = ({ actor, keyId }, action) => {
    const entry = { ...action, actor, keyId, occurredAt: new Date() }
    number += 1
    keep(keyOf(entry, number), entry)
    flushWithin(isOfVariables(entry) ? GATHER_WRITES_MS : GATHER_MS)
  }

  function flushWithin(ms: number): void {
    const at = performance.now() + ms
    if (at >= dueAt) return
    if (timer !== null) clearTimeout(timer)
    dueAt = at
    timer = setTimeout(() => void flush(), ms).unref()
  }

  async function write(): Promise<void> {
    const entries = gathered
    if (entries.size === 0) return
    gathered = new Map()
    try {
      await insertEntries(db, [...entries.values()])
      if (lost > 0) logger.warn({ lost }, 'audit entries were lost while the database was away')
      lost = 0
    } catch (error) {
      logger.warn({ reason: errorMessage(error), entries: entries.size }, 'the audit is not written yet')
      for (const [key, entry] of entries) keep(key, entry)
      flushWithin(10 * GATHER_MS)
    }
  }

  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    dueAt = Number.POSITIVE_INFINITY
    writing = writing.then(write)
    return writing
  }

  return {
    async list(request) {
      await flush()
      return pageEntries(db.reading(request.signal), request)
    },
    note,
    flush,
    purge: () => purgeEntries(db, days),
    close: flush,
  }
}

function isOfVariables({ action }: NewAuditEntry): boolean {
  return action.startsWith('variables.') || action.startsWith('globals.')
}

function keyOf(entry: NewAuditEntry, number: number): string {
  const { actor, keyId, action, executionId, subject } = entry
  if (!isOfVariables(entry)) return String(number)
  return `${action} ${executionId ?? subject} ${keyId} ${actor}`
}

function together(first: NewAuditEntry, next: NewAuditEntry): NewAuditEntry {
  return { ...next, subject: first.subject === next.subject ? next.subject : null, count: first.count + next.count }
}
