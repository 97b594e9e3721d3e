import type { Playbook } from '../playbook/model.js'

/** Parsed playbooks, the least recently used forgotten first. */
export interface ModelCache {
  get(key: string): Playbook | undefined
  /** `bytes` is the size of the source, of which the model's is a multiple. */
  set(key: string, entry: { readonly model: Playbook; readonly bytes: number }): void
}

/** A cache bounded by the bytes of the sources. */
export function createModelCache(maxBytes: number): ModelCache {
  const entries = new Map<string, { readonly model: Playbook; readonly bytes: number }>()
  let total = 0
  const remove = (key: string) => {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }
  return {
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.model
    },
    set(key, entry) {
      remove(key)
      entries.set(key, entry)
      total += entry.bytes
      for (const oldest of entries.keys()) {
        if (total <= maxBytes || oldest === key) break
        remove(oldest)
      }
    },
  }
}
