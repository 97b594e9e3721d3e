import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, parseGivenJson, stringifyJson } from '../../core/json.js'

export type FieldKind = 'text' | 'number' | 'switch' | 'json'

/** One key of a playbook's workload, as a form shows it. */
export interface Field {
  readonly name: string
  readonly kind: FieldKind
  /** What stands in the form at first. */
  readonly text: string
}

/** The fields of a workload, by the types of its defaults. */
export function fieldsOf(workload: JsonValue): Field[] {
  if (!isJsonObject(workload)) return []
  return Object.entries(workload).map(([name, value]) => {
    if (typeof value === 'string') return { name, kind: 'text', text: value }
    if (typeof value === 'boolean') return { name, kind: 'switch', text: String(value) }
    if (isJsonNumber(value)) return { name, kind: 'number', text: stringifyJson(value) }
    return { name, kind: 'json', text: stringifyJson(value) }
  })
}

/** Why a field's text cannot be taken; null when it can. */
export function problemOf({ kind }: Field, text: string): string | null {
  if (kind === 'text' || kind === 'switch') return null
  try {
    const value = parseGivenJson(text)
    return kind === 'number' && !isJsonNumber(value) ? 'A number, such as 5 or 2.5' : null
  } catch {
    return kind === 'number' ? 'A number, such as 5 or 2.5' : 'JSON, such as ["a", "b"] or {"key": 1}'
  }
}

/** What is given at start: only what differs from the defaults. */
export function workloadOf(fields: readonly Field[], texts: Readonly<Record<string, string>>): JsonObject {
  const given: JsonObject = {}
  for (const { name, kind, text } of fields) {
    const now = texts[name] ?? text
    if (now !== text) given[name] = kind === 'text' ? now : parseGivenJson(now)
  }
  return given
}
