import { LRUCache } from 'lru-cache'
import type { Database } from '../../db/database.js'
import { isMissingKey, type KeyRing, type MissingKey } from '../../sealing/key-ring.js'
import { formatTaskId, type TaskKey } from '../../tasks/record.js'
import { forgetEnsured } from '../../tasks/store.js'
import { sensitiveReads } from '../../template/index.js'
import { layersOf } from '../decide/context.js'
import { endingTemplates } from '../decide/needs.js'
import { trackSensitiveReads } from '../decide/sensitive.js'
import type { Snapshot } from '../decide/types.js'
import { sensitiveVariables } from '../decide/vars.js'
import type { OrchestratorLogger } from '../dependencies.js'

/** So often a task is offered again at once; then it waits as long as a lease each time, in case that nobody has its key. */
const MAX_AT_ONCE = 5
const MAX_KNOWN = 10_000

/**
 * Before a tool runs: what follows from its end must not need a key that this process lacks, or the tool would run for nothing.
 * @throws MissingKey
 */
export function requireKeys(snapshot: Snapshot, keyRing: KeyRing): void {
  const { step } = snapshot
  const templates = endingTemplates(step)
  try {
    trackSensitiveReads(
      sensitiveReads(templates, layersOf(snapshot)),
      { at: step.at, unreadable: snapshot.sensitive?.unreadable },
      () => null,
    )
  } catch (error) {
    // Whatever else cannot be read fails the step when its turn comes.
    if (isMissingKey(error)) throw error
  }
  if (keyRing.ids.length > 0) return
  const secrets = sensitiveVariables(snapshot)
  const written = [...step.vars.after, ...(step.loop?.taskVars ?? [])].find(({ name }) => secrets.has(name))
  if (written) keyRing.checkKeys(`the sensitive variable "${written.name}"`)
}

/** Leaves tasks to processes that have the keys which this one lacks. */
export interface MissingKeys {
  leave(key: TaskKey, error: MissingKey): Promise<void>
}

export function createMissingKeys({ db, logger }: { readonly db: Database; readonly logger: OrchestratorLogger }): MissingKeys {
  const left = new LRUCache<string, number>({ max: MAX_KNOWN })
  const named = new Set<string>()
  return {
    async leave(key, error) {
      const id = formatTaskId(key)
      const times = (left.get(id) ?? 0) + 1
      left.set(id, times)
      const { keyId = 'any' } = error.details
      if (!named.has(String(keyId))) {
        named.add(String(keyId))
        const fields = { keyId, task: id, reason: error.message }
        logger.warn(fields, 'steps that need an encryption key which this process lacks are left to processes that have it')
      }
      if (times <= MAX_AT_ONCE) await forgetEnsured(db, [key])
    },
  }
}
