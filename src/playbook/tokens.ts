import { CST, Lexer, Parser } from 'yaml'
import { type FlowStart, isTemplateStart } from './unquoted.js'

/** Of the parser's own stack, which also holds the document and the scalar in work. */
const MAX_STACK = 150
/** As many as problems are shown. */
const MAX_UNQUOTED = 200
/** What a file may have so often; beyond it nothing is read any further, as reading alone would take seconds. */
const LIMITS = {
  document: { most: 4, message: 'a second document: one file holds one playbook' },
  anchor: { most: 1000, message: 'more than 1000 anchors' },
  alias: { most: 100, message: 'more than 100 aliases' },
} as const

export interface Tokens {
  readonly tokens: CST.Token[]
  /** Where and why reading stopped. */
  readonly limit: { readonly message: string; readonly offset: number } | null
  /** Where a brace begins a mapping that can only be meant as a template. */
  readonly starts: readonly FlowStart[]
}

/** Splits YAML into the tokens that documents are composed of, within the limits of playbooks. */
export function tokenize(text: string): Tokens {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const starts: FlowStart[] = []
  const counts = { document: 0, anchor: 0, alias: 0 }
  let offset = 0
  let isScalar = false
  const stopped = (message: string): Tokens => ({ tokens, starts, limit: { message, offset } })
  for (const lexeme of new Lexer().lex(text)) {
    if (!isScalar) {
      const kind = countedKind(lexeme)
      if (kind !== null) counts[kind] += 1
      if (kind !== null && counts[kind] > LIMITS[kind].most) return stopped(LIMITS[kind].message)
      if (lexeme === '{' && starts.length < MAX_UNQUOTED && isTemplateStart(text, offset)) {
        starts.push({ offset, isInFlow: parser.stack.some((token) => token.type === 'flow-collection') })
      }
    }
    isScalar = lexeme === CST.SCALAR
    tokens.push(...parser.next(lexeme))
    offset = parser.offset
    if (parser.stack.length > MAX_STACK) return stopped('nested too deeply: at most 64 levels are read')
  }
  tokens.push(...parser.end())
  return { tokens, starts, limit: null }
}

/** The text of a scalar comes after a mark of its own, or with its quotes. */
function countedKind(lexeme: string): keyof typeof LIMITS | null {
  if (lexeme === '---' || lexeme === '...') return 'document'
  if (lexeme.startsWith('&')) return 'anchor'
  return lexeme.startsWith('*') ? 'alias' : null
}
