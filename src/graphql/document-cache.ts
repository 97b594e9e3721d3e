import { type DocumentNode, type FieldNode, Kind, visit } from 'graphql'

/** All the texts that one cache keeps, and the longest of them, in characters. */
const MAX_TOTAL = 4 * 1024 * 1024
const MAX_TEXT = 32 * 1024

/** A document that parses, is valid and was within the limits when it was kept. */
export interface KnownDocument {
  readonly document: DocumentNode
  /** What is executed: the same, with plain selections as texts. */
  readonly plan: DocumentNode
  /** Whether it asks for the schema itself. */
  readonly isOfSchema: boolean
  /** Whether its cost is the same whatever its variables say. */
  readonly isCostFixed: boolean
}

export interface DocumentCache {
  get(text: string): KnownDocument | undefined
  set(text: string, known: KnownDocument): void
}

/** Valid documents by their text, those used last kept longest. Bounded by what the texts take; a long one is not kept. */
export function createDocumentCache(maxTotal = MAX_TOTAL): DocumentCache {
  const known = new Map<string, KnownDocument>()
  let total = 0
  return {
    get(text) {
      const found = known.get(text)
      if (found === undefined) return undefined
      known.delete(text)
      known.set(text, found)
      return found
    },
    set(text, document) {
      if (text.length > MAX_TEXT || known.has(text)) return
      known.set(text, document)
      total += text.length
      for (const oldest of known.keys()) {
        if (total <= maxTotal) break
        known.delete(oldest)
        total -= oldest.length
      }
    },
  }
}

/** Whether a page size comes from a variable: then the cost is another at each request. */
export function hasPageVariable(document: DocumentNode): boolean {
  let isFound = false
  visit(document, {
    Field: (field: FieldNode) => {
      isFound ||= (field.arguments ?? []).some(({ name, value }) => name.value === 'first' && value.kind === Kind.VARIABLE)
    },
  })
  return isFound
}

/** Whether any field of it is of the introspection. */
export function asksForSchema(document: DocumentNode): boolean {
  let isFound = false
  visit(document, {
    Field: ({ name }: FieldNode) => {
      isFound ||= name.value === '__schema' || name.value === '__type'
    },
  })
  return isFound
}
