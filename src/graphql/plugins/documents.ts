import { type DocumentNode, type FieldNode, GraphQLError, type GraphQLSchema, getOperationAST, Kind, visit } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import type { ToClientError } from '../errors.js'
import { hasListVariable } from '../input-cost.js'
import { findOverLimits } from '../limits.js'
import type { GraphQLContext } from '../request.js'

/** All the texts that are kept, and the longest of them, in characters. */
const MAX_TOTAL = 4 * 1024 * 1024
const MAX_TEXT = 32 * 1024

/** A document that parses, is valid and was within the limits when it was kept. */
interface KnownDocument {
  readonly document: DocumentNode
  /** Whether its cost is the same whatever its variables say. */
  readonly isCostFixed: boolean
}

/**
 * Keeps valid documents by their text, bounded by what the texts take, and holds every request to the limits: before
 * validation, which may take long for a hostile document. What is at fault gets its code here.
 */
export function useDocuments(toClientError: ToClientError, maxTotal = MAX_TOTAL): Plugin<GraphQLContext> {
  const byText = new LRUCache<string, KnownDocument>({
    maxSize: maxTotal,
    maxEntrySize: MAX_TEXT,
    sizeCalculation: (_document, text) => Math.max(1, text.length),
  })
  const known = new WeakMap<DocumentNode, KnownDocument>()
  const texts = new WeakMap<DocumentNode, string>()

  return {
    onParse({ params, context, setParsedDocument }) {
      const text = String(params.source)
      const found = byText.get(text)
      if (found !== undefined) setParsedDocument(found.document)
      return ({ result, replaceParseResult }) => {
        const error = result instanceof Error ? result : findNoOperation(result as DocumentNode, context.params.operationName)
        if (error !== null) return replaceParseResult(toClientError(error).ofDocument())
        if (found === undefined) texts.set(result as DocumentNode, text)
      }
    },
    onValidate({ params: { schema, documentAST: document }, context, setResult }) {
      const found = known.get(document)
      const refused = found?.isCostFixed ? [] : findOverLimits(document, context.params.variables ?? {}, schema)
      if (refused.length > 0) return setResult(refused.map((error) => toClientError(error).ofDocument()))
      if (found !== undefined) return setResult([])
      return ({ valid, result, setResult }) => {
        if (!valid) return setResult((result as readonly GraphQLError[]).map((error) => toClientError(error).ofDocument()))
        const made = { document, isCostFixed: isCostFixed(schema, document) }
        known.set(document, made)
        byText.set(texts.get(document) ?? '', made)
      }
    },
  }
}

function findNoOperation(document: DocumentNode, name: string | null | undefined): GraphQLError | null {
  if (getOperationAST(document, name)) return null
  return new GraphQLError(
    name ? `The document has no operation "${name}"` : 'The document has several operations: operationName says which to run',
  )
}

/** Whether neither page sizes nor lists come from variables. */
function isCostFixed(schema: GraphQLSchema, document: DocumentNode): boolean {
  return !hasPageVariable(document) && !hasListVariable(schema, document)
}

function hasPageVariable(document: DocumentNode): boolean {
  let isFound = false
  visit(document, {
    Field: (field: FieldNode) => {
      isFound ||= (field.arguments ?? []).some(({ name, value }) => name.value === 'first' && value.kind === Kind.VARIABLE)
    },
  })
  return isFound
}
