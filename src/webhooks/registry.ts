import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { findPlaybook } from '../catalog/store.js'
import type { Draft } from '../commit/draft.js'
import type { Outbox, Pointer } from '../commit/outbox.js'
import type { Database, Sql } from '../db/database.js'
import { parsePlaybook } from '../playbook/index.js'
import { TOOLS } from '../tools/index.js'
import { NO_NOTIFY, type Notify, pointersFor } from './match.js'
import type { WebhookRecord } from './record.js'
import { listWebhooks } from './store.js'

/** How often the hooks are read again, where other processes may change them. */
const READ_MS = 1_000
/** What was read longer ago is read again inside the transaction that goes by it: so long a new hook may be unknown somewhere. */
const STALE_MS = 2_000
/** Playbooks whose `notify` is kept. */
const MAX_KEPT = 10_000

/** The hooks as this process knows them: what writes go by. */
export interface WebhookRegistry extends Outbox {
  readonly hooks: ReadonlyMap<string, WebhookRecord>
  /** Other processes write, too. */
  readonly isShared: boolean
  /** What a playbook has hooks told of. */
  notifyOf(sql: Sql, path: string | null, version: number | null): Promise<Notify>
  /** Reads them now. */
  refresh(): Promise<void>
  /** Resolves when no process goes by what was before the call any more. */
  refreshEverywhere(): Promise<void>
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
 * The hooks of an installation, in memory. Writes of an installation without hooks look at an empty map. No process goes by a list that is older than two
 * seconds: whoever makes a hook waits so long where there are several, and is promised all that begins then.
 */
export async function createWebhookRegistry({ db, isShared }: RegistryOptions): Promise<WebhookRegistry> {
  let hooks: ReadonlyMap<string, WebhookRecord> = new Map()
  let readAt = Number.NEGATIVE_INFINITY
  const notified = new LRUCache<string, Notify>({ max: MAX_KEPT })
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

  const isStale = () => isShared && performance.now() - readAt > STALE_MS

  /** undefined: it was not read yet. */
  function knownNotify(path: string | null, version: number | null): Notify | undefined {
    return path === null || version === null ? NO_NOTIFY : notified.get(`${version} ${path}`)
  }

  async function notifyOf(sql: Sql, path: string | null, version: number | null): Promise<Notify> {
    const known = knownNotify(path, version)
    if (known !== undefined || path === null) return known ?? NO_NOTIFY
    const record = await findPlaybook(sql, path, version)
    // One that is none any more by newer rules asks for nothing.
    const { playbook } = record === null ? { playbook: null } : parsePlaybook(record.source, { tools: TOOLS, isRegistered: true })
    const notify = playbook === null ? NO_NOTIFY : new Map(playbook.notify.map(({ to, on }) => [to, on]))
    notified.set(`${version} ${path}`, notify)
    return notify
  }

  function pointersIn(draft: Draft, notify: Notify): readonly Pointer[] {
    const pointers = pointersFor(hooks.values(), draft, notify)
    if (pointers.length > 0) raised.add(draft)
    return pointers
  }

  const timer = isShared ? setInterval(() => void read(db).catch(() => undefined), READ_MS).unref() : null
  await read(db)

  return {
    get hooks() {
      return hooks
    },
    isShared,
    notifyOf,
    pointersOf(draft) {
      if (isStale()) return null
      if (hooks.size === 0) return []
      const { playbookPath, playbookVersion } = draft.execution
      const notify = knownNotify(playbookPath, playbookVersion)
      return notify === undefined ? null : pointersIn(draft, notify)
    },
    async findPointers(sql, drafts) {
      // However long it takes: what is read after a transaction began is what was promised before.
      if (isStale()) await read(sql)
      const found: Pointer[] = []
      for (const draft of hooks.size === 0 ? [] : drafts) {
        const { playbookPath, playbookVersion } = draft.execution
        found.push(...pointersIn(draft, await notifyOf(sql, playbookPath, playbookVersion)))
      }
      return found
    },
    committed(draft) {
      if (hooks.size > 0 && raised.has(draft)) tell()
    },
    async refresh() {
      await read(db)
      tell()
    },
    async refreshEverywhere() {
      await Promise.all([read(db), isShared ? sleep(STALE_MS) : null])
      tell()
    },
    onWork: (listener) => void listeners.add(listener),
    close() {
      if (timer !== null) clearInterval(timer)
      listeners.clear()
    },
  }
}
