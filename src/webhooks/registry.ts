import type { Draft } from '../commit/draft.js'
import type { Outbox } from '../commit/outbox.js'
import type { Database, Sql } from '../db/database.js'
import { NO_NOTIFY, type Notify, pointersFor } from './match.js'
import type { WebhookRecord } from './record.js'
import { listWebhooks } from './store.js'

/** How often the hooks are read again that other processes may have changed; what is older than the second is read again before it is gone by. */
const READ_MS = 1_000
const STALE_MS = 5_000

/** The hooks as this process knows them: what writes go by. */
export interface WebhookRegistry extends Outbox {
  readonly hooks: ReadonlyMap<string, WebhookRecord>
  /** Other processes write, too. */
  readonly isShared: boolean
  /** What a playbook has hooks told of. */
  notifyOf(path: string | null, version: number | null): Promise<Notify>
  /** Reads them now. */
  refresh(): Promise<void>
  /** Told when pointers were raised by this process, and when hooks have changed. */
  onWork(listener: () => void): void
  close(): void
}

export interface RegistryOptions {
  readonly db: Database
  /** Other processes may change them. */
  readonly isShared: boolean
}

/**
 * The hooks of an installation, in memory. Writes of an installation without hooks look at an empty map. What another process has just made is known
 * here a second later, and what was changed in between is found by `raiseMissed`.
 */
export async function createWebhookRegistry({ db, isShared }: RegistryOptions): Promise<WebhookRegistry> {
  let hooks: ReadonlyMap<string, WebhookRecord> = new Map()
  let readAt = Number.NEGATIVE_INFINITY
  const raised = new WeakSet<Draft>()
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }

  async function read(sql: Sql): Promise<void> {
    const at = performance.now()
    const found = await listWebhooks(sql)
    if (at < readAt) return
    hooks = new Map(found.map((hook) => [hook.id, hook]))
    readAt = at
  }

  const timer = isShared ? setInterval(() => void read(db).catch(() => undefined), READ_MS).unref() : null
  await read(db)

  return {
    get hooks() {
      return hooks
    },
    isShared,
    notifyOf: async () => NO_NOTIFY,
    pointersOf(draft) {
      if (isShared && performance.now() - readAt > STALE_MS) return null
      if (hooks.size === 0) return []
      const pointers = pointersFor(hooks.values(), draft, NO_NOTIFY)
      if (pointers.length > 0) raised.add(draft)
      return pointers
    },
    prepare: (sql) => read(sql),
    committed(draft) {
      if (hooks.size > 0 && raised.has(draft)) tell()
    },
    async refresh() {
      await read(db)
      tell()
    },
    onWork: (listener) => void listeners.add(listener),
    close() {
      if (timer !== null) clearInterval(timer)
      listeners.clear()
    },
  }
}
