import { type JsonValue, parseJson, stringifyJson } from '../../core/json.js'

const keyOf = (name: string) => `transient-draft ${name}`

/** What one has written and not yet handed in. Of this tab; it survives a reload, a login and the way to another page. */
export function readDraft(name: string): JsonValue {
  const kept = sessionStorage.getItem(keyOf(name))
  if (kept === null) return null
  try {
    return parseJson(kept)
  } catch {
    return null
  }
}

/** False when the tab's store is full: then the draft lives only as long as the page. */
export function keepDraft(name: string, draft: JsonValue): boolean {
  try {
    sessionStorage.setItem(keyOf(name), stringifyJson(draft))
    return true
  } catch {
    return false
  }
}

export function dropDraft(name: string): void {
  sessionStorage.removeItem(keyOf(name))
}
