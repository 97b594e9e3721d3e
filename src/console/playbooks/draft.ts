import { parseJson, stringifyJson } from '../../core/json.js'

/** A text that was not registered yet. */
export interface Draft {
  readonly text: string
  /** The version that it began with; null: a new playbook. */
  readonly base: number | null
}

const keyOf = (name: string) => `transient-draft ${name}`

/** Of this tab; it survives a reload, a login and the way to another page. */
export function readDraft(name: string): Draft | null {
  const kept = sessionStorage.getItem(keyOf(name))
  if (kept === null) return null
  try {
    const { text, base } = parseJson(kept) as Record<string, unknown>
    return typeof text === 'string' ? { text, base: typeof base === 'number' ? base : null } : null
  } catch {
    return null
  }
}

/** False when the tab's store is full: then the draft lives only as long as the page. */
export function keepDraft(name: string, { text, base }: Draft): boolean {
  try {
    sessionStorage.setItem(keyOf(name), stringifyJson({ text, base }))
    return true
  } catch {
    return false
  }
}

export function dropDraft(name: string): void {
  sessionStorage.removeItem(keyOf(name))
}
