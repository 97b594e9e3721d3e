import lexer, { type Token } from 'nunjucks/src/lexer.js'
import { TemplateFault } from './faults.js'
import { JinjaTokenizer } from './syntax/tokens.js'
import { hasMarkup } from './template.js'

/** What stands instead of the first names of a chain such as `a.b.c`. */
export interface Replacement {
  readonly text: string
  /** How many names of the chain it replaces. */
  readonly used: number
  /** Texts that the value is compared with, and what they are called then. */
  readonly values?: ReadonlyMap<string, string>
}

export type Rename = (chain: readonly string[]) => Replacement | null

interface LocatedToken extends Token {
  readonly start: number
  readonly end: number
}

/**
 * A template, or with `isBare` an expression, whose names are others; texts, keys, filters and keyword arguments stay. Text that is
 * not a template comes back unchanged: its fault is reported where templates are compiled.
 */
export function renameReferences(source: string, rename: Rename, isBare = false): string {
  if (!isBare && !hasMarkup(source)) return source
  try {
    return rewrite(source, edits(locatedTokens(source, isBare), rename))
  } catch (error) {
    if (error instanceof TemplateFault) return source
    throw error
  }
}

function locatedTokens(source: string, isBare: boolean): LocatedToken[] {
  const tokens = new JinjaTokenizer(source, isBare)
  const found: LocatedToken[] = []
  for (let start = 0, token = tokens.nextToken(); token !== null; start = tokens.index, token = tokens.nextToken())
    if (token.type !== lexer.TOKEN_WHITESPACE) found.push({ ...token, start, end: tokens.index })
  return found
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

function edits(tokens: readonly LocatedToken[], rename: Rename): Edit[] {
  const found: Edit[] = []
  for (let at = 0; at < tokens.length; at += 1) {
    const chain = chainAt(tokens, at)
    if (chain.length === 0) continue
    const end = at + 2 * chain.length - 2
    const renamed = isName(tokens, { at, end }) ? rename(chain.map((token) => token.value)) : null
    const last = renamed ? chain[renamed.used - 1] : undefined
    if (renamed && last) {
      found.push({ start: tokens[at]?.start ?? 0, end: last.end, text: renamed.text })
      if (renamed.used === chain.length) found.push(...comparedWith(tokens, end, renamed))
    }
    at = end
  }
  return found
}

function chainAt(tokens: readonly LocatedToken[], at: number): LocatedToken[] {
  const chain: LocatedToken[] = []
  for (let next = at; tokens[next]?.type === lexer.TOKEN_SYMBOL; next += 2) {
    chain.push(tokens[next] as LocatedToken)
    if (tokens[next + 1]?.value !== '.') break
  }
  return chain
}

function isName(tokens: readonly LocatedToken[], { at, end }: { at: number; end: number }): boolean {
  const before = tokens[at - 1]
  const isAttribute = before?.value === '.' || before?.type === lexer.TOKEN_PIPE
  return !isAttribute && !(at === end && tokens[end + 1]?.value === '=')
}

function comparedWith(tokens: readonly LocatedToken[], end: number, { values }: Replacement): Edit[] {
  const [operator, value] = [tokens[end + 1], tokens[end + 2]]
  const other = value?.type === lexer.TOKEN_STRING ? values?.get(value.value) : undefined
  if (!value || other === undefined || !['==', '!='].includes(operator?.value ?? '')) return []
  return [{ start: value.start, end: value.end, text: `'${other}'` }]
}

function rewrite(source: string, changes: readonly Edit[]): string {
  let text = ''
  let from = 0
  for (const change of changes) {
    text += source.slice(from, change.start) + change.text
    from = change.end
  }
  return text + source.slice(from)
}
