import { TransientError } from '../../core/errors.js'
import type { JsonValue } from '../../core/json.js'
import { firstWords, isSignificant, splitStatements } from './split.js'
import { HOLE, type SqlToken, unquote } from './sql-lexer.js'
import type { Binding, Statement } from './statement.js'

/** What stands behind the holes of a text, in order. */
export interface Hole {
  /** As written: `{{ vars.id }}`. */
  readonly source: string
  value(): JsonValue
}

export interface BindOptions {
  /** SQL with `HOLE` for each template. */
  readonly sql: string
  readonly holes: readonly Hole[]
  /** `params`: by name, or by position. */
  readonly params: ReadonlyMap<string, JsonValue>
  /** The text of a literal that holds templates, by the template engine's own rules for mixed text. */
  mixedText(pieces: readonly string[], holes: readonly Hole[]): string
  readonly path: string
}

/** Literals after these words are of that type: `date '{{ d }}'` is a value, but `date $1` is not. */
const LITERAL_TYPES = new Set([
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'json',
  'jsonb',
  'inet',
  'cidr',
  'numeric',
  'text',
  'bool',
  'boolean',
  'int',
  'integer',
  'bigint',
  'bytea',
  'point',
  'xml',
])
const TOUCHING = new Set<SqlToken['type']>(['word', 'number', 'positional', 'hole', 'quoted'])

/**
 * The statements of a text, with every template and every `:name` of `params` as a bound value.
 * @throws TransientError TEMPLATE_ERROR where no value can stand
 */
export function bindStatements(options: BindOptions): Statement[] {
  const holes = [...options.holes]
  const take = (count: number) => holes.splice(0, count)
  return splitStatements(options.sql).map((tokens) => bindStatement(tokens, take, options))
}

function bindStatement(tokens: readonly SqlToken[], take: (count: number) => Hole[], options: BindOptions): Statement {
  const parts: string[] = ['']
  const bindings: Binding[] = []
  let squareBrackets = 0
  tokens.forEach((token, index) => {
    if (token.text === '[') squareBrackets += 1
    if (token.text === ']') squareBrackets -= 1
    const holes = take(countHoles(token.text))
    const binding = paramOf(token, squareBrackets > 0, options) ?? holeBinding({ tokens, index, holes, options })
    if (binding) {
      if (binding.type !== null) dropWord(parts)
      bindings.push(binding)
      parts.push('')
    } else {
      // A template in a comment means nothing: the comment goes.
      parts.push(`${parts.pop() ?? ''}${holes.length > 0 ? ' ' : token.text}`)
    }
  })
  return { parts, bindings, words: firstWords(tokens, 2) }
}

interface HolePlace {
  readonly tokens: readonly SqlToken[]
  readonly index: number
  readonly holes: readonly Hole[]
  readonly options: BindOptions
}

function holeBinding({ tokens, index, holes, options }: HolePlace): Binding | null {
  const token = tokens[index]
  const [first] = holes
  if (!token || !first || token.type === 'comment') return null
  if (token.type === 'hole') {
    assertApart(tokens, index, first, options)
    return { value: first.value(), type: null, isLiteral: false, source: first.source }
  }
  const value = literalText(token, holes, options)
  return { value, type: literalType(tokens, index), isLiteral: true, source: first.source }
}

function countHoles(text: string): number {
  return text.split(HOLE).length - 1
}

function paramOf(token: SqlToken, isInSlice: boolean, { params, path }: BindOptions): Binding | null {
  const name = token.type === 'positional' ? token.text.slice(1) : token.type === 'named' ? token.name : undefined
  if (name === undefined) return null
  const value = params.get(name)
  if (value !== undefined) return { value, type: null, isLiteral: false, source: token.text }
  // `list[1:last]` is a slice.
  if (isInSlice && token.text.startsWith(':')) return null
  throw new TransientError('TEMPLATE_ERROR', `${path}: ${token.text} has no value: params needs "${name}"`)
}

function assertApart(tokens: readonly SqlToken[], index: number, hole: Hole, { path }: BindOptions): void {
  const [before, after] = [tokens[index - 1], tokens[index + 1]]
  if ([before, after].some((token) => token !== undefined && (TOUCHING.has(token.type) || token.text === '$'))) {
    throw new TransientError(
      'TEMPLATE_ERROR',
      `${path}: ${hole.source} touches a word: a template is a whole value in SQL, never part of a name; trusted text is marked {{ ... | sql }}`,
    )
  }
}

/** The word before a literal, where it names the literal's type. */
function literalType(tokens: readonly SqlToken[], index: number): string | null {
  const before = tokens.slice(0, index).filter(isSignificant).at(-1)
  const hasOnlySpaceBetween = tokens[index - 1]?.type === 'space' ? tokens[index - 2] === before : tokens[index - 1] === before
  const word = before?.type === 'word' ? before.text.toLowerCase() : ''
  return hasOnlySpaceBetween && LITERAL_TYPES.has(word) ? word : null
}

function dropWord(parts: string[]): void {
  parts.push((parts.pop() ?? '').replace(/\w+\s*$/, ''))
}

function literalText(token: SqlToken, holes: readonly Hole[], { path, mixedText }: BindOptions): string {
  const source = holes[0]?.source ?? ''
  if (!token.isClosed) throw new TransientError('TEMPLATE_ERROR', `${path}: the quote around ${source} is not closed`)
  const isText = token.type === 'dollar' || (token.type === 'string' && ['', 'e', 'n'].includes(token.prefix ?? ''))
  if (!isText) {
    const where =
      token.type === 'quoted'
        ? 'a quoted name'
        : token.type === 'string'
          ? `a ${token.prefix?.toUpperCase()}'...' literal`
          : 'a name'
    throw new TransientError(
      'TEMPLATE_ERROR',
      `${path}: ${source} stands inside ${where}, where no value can stand; trusted text is marked {{ ... | sql }}`,
    )
  }
  return mixedText(unquote(token).split(HOLE), holes)
}
