import { type JsonValue, parseGivenJson } from '../../core/json.js'

export type ParsedDraft = { readonly value: JsonValue } | { readonly problem: string }

/** A draft as JSON, or why it is none, in words. */
export function parseDraft(text: string): ParsedDraft {
  if (text.trim() === '') return { problem: 'there is nothing; an empty text is "", nothing is null' }
  try {
    return { value: parseGivenJson(text) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'it cannot be read' }
  }
}
