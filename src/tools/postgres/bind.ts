import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonValue } from '../../core/json.js'
import { createLocate, type Locate, type Origin, originsOf, positionAt } from './positions.js'
import { firstWords, isSignificant, splitStatements } from './split.js'
import { HOLE, type SqlToken, unquote } from './sql-lexer.js'
import type { Binding, Statement } from './statement.js'

/** What stands behind the holes of a text, in order. */
export interface Hole {
  /** As written: `{{ vars.id }}`. */
  readonly source: string
  /** `isQuoted`: inside '...', where an author who thinks of pasted text doubles the quotes by hand. */
  value(isQuoted: boolean): JsonValue
  /** The same as text among other text, by the template engine's own rules. */
  text(isQuoted: boolean): string
  /** Whether its value is a list that was joined to one text. */
  readonly isJoined: boolean
}

export interface BindOptions {
  /** SQL with `HOLE` for each template. */
  readonly sql: string
  /** Where its author wrote it. */
  readonly origins: readonly Origin[]
  readonly holes: readonly Hole[]
  /** `params`: by name, or by position. */
  readonly params: ReadonlyMap<string, JsonValue>
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
  let taken = 0
  const take = (count: number) => {
    taken += count
    return options.holes.slice(taken - count, taken)
  }
  const locate = createLocate(options.sql)
  return splitStatements(options.sql).map((tokens) => bindStatement(tokens, take, { ...options, locate }))
}

interface Binder extends BindOptions {
  readonly locate: Locate
}

function bindStatement(tokens: readonly SqlToken[], take: (count: number) => Hole[], options: Binder): Statement {
  const parts: string[] = ['']
  const origins: Origin[][] = [[]]
  const bindings: Binding[] = []
  let squareBrackets = 0
  const append = (text: string, stretch: { readonly from: number; readonly to: number } | null) => {
    const at = parts.at(-1)?.length ?? 0
    const more = stretch === null ? [] : originsOf(options.locate, options.origins, stretch)
    origins.at(-1)?.push(...more.map((origin) => ({ ...origin, at: origin.at + at })))
    parts.push((parts.pop() ?? '') + text)
  }
  tokens.forEach((token, index) => {
    if (token.text === '[') squareBrackets += 1
    if (token.text === ']') squareBrackets -= 1
    const holes = take(countHoles(token.text))
    const context = { tokens, index, holes, options }
    const binding = paramOf(token, squareBrackets > 0, context) ?? holeBinding(context)
    if (binding) {
      if (binding.type !== null) dropWord(parts)
      bindings.push(binding)
      parts.push('')
      origins.push([])
    } else if (holes.length > 0) {
      // A template in a comment means nothing: the comment goes.
      append(' ', null)
    } else {
      append(token.text, { from: token.at, to: token.at + token.text.length })
    }
  })
  return { parts, origins: origins.map(merged), bindings, words: firstWords(tokens, 2) }
}

/** Tokens that follow one another where they were written need one origin. */
function merged(origins: readonly Origin[]): Origin[] {
  return origins.filter((origin, index) => {
    const before = origins[index - 1]
    if (!before || before.isFixed !== origin.isFixed) return true
    const isSame = before.line === origin.line && before.column === origin.column
    const isNext = before.line === origin.line && before.column + (origin.at - before.at) === origin.column
    return origin.isFixed ? !isSame : !isNext
  })
}

interface HoleContext {
  readonly tokens: readonly SqlToken[]
  readonly index: number
  readonly holes: readonly Hole[]
  readonly options: Binder
}

function holeBinding(context: HoleContext): Binding | null {
  const { tokens, index, holes, options } = context
  const token = tokens[index]
  const [first] = holes
  if (!token || !first || token.type === 'comment') return null
  const { source } = first
  if (token.type === 'hole') assertApart(tokens, index, first, options)
  else assertText(token, first, options)
  const isQuoted = token.type === 'string'
  // A literal that is one whole template is that value: null is not text, a list or an object is bound as it is without quotes.
  const isWhole = token.type === 'hole' || unquote(token) === HOLE
  const value = isWhole ? first.value(isQuoted) : literalText(token, holes)
  assertNoList(context, { value, source, isJoined: isWhole && first.isJoined && String(value).includes(',') })
  const isComposite = Array.isArray(value) || isJsonObject(value)
  return {
    value,
    type: token.type === 'hole' ? null : literalType(tokens, index),
    isLiteral: token.type !== 'hole' && value !== null && !isComposite,
    source,
    position: positionAt(options.locate, options.origins, token.at),
  }
}

function countHoles(text: string): number {
  return text.split(HOLE).length - 1
}

function paramOf(token: SqlToken, isInSlice: boolean, context: HoleContext): Binding | null {
  const { params, path, locate, origins } = context.options
  const name = token.type === 'positional' ? token.text.slice(1) : token.type === 'named' ? token.name : undefined
  if (name === undefined) return null
  const value = params.get(name)
  const source = token.text
  if (value !== undefined) {
    assertNoList(context, { value, source, isJoined: false })
    return { value, type: null, isLiteral: false, source, position: positionAt(locate, origins, token.at) }
  }
  // `list[1:last]` is a slice.
  if (isInSlice && token.text.startsWith(':')) return null
  throw new TransientError('TEMPLATE_ERROR', `${path}: ${token.text} has no value: params needs "${name}"`)
}

interface Candidate {
  readonly value: JsonValue
  readonly source: string
  readonly isJoined: boolean
}

/** A template is one value: a list as one element of IN would be compared as a whole, and find nothing. */
function assertNoList({ tokens, index, options }: HoleContext, { value, source, isJoined }: Candidate): void {
  if (!(Array.isArray(value) || isJoined) || !isElementOfIn(tokens, index)) return
  const found = isJoined ? 'gives one text that was joined from a list' : 'gives a list'
  const inner = source.startsWith('{{') ? (isJoined ? '{{ the list }}' : source) : source
  throw new TransientError(
    'TEMPLATE_ERROR',
    `${options.path}: ${source} ${found}, and IN (...) takes it for one value: write \`= any(${inner})\` in the place of IN, \`<> all(${inner})\` in the place of NOT IN`,
  )
}

/** Whether a token is a whole element of `in (a, b)`, or stands behind IN without brackets. */
function isElementOfIn(tokens: readonly SqlToken[], index: number): boolean {
  const before = tokens.slice(0, index).filter(isSignificant)
  const isIn = (token: SqlToken | undefined) => token?.type === 'word' && token.text.toLowerCase() === 'in'
  if (isIn(before.at(-1))) return true
  if (before.at(-1)?.text !== '(' && before.at(-1)?.text !== ',') return false
  let depth = 0
  const open = before.findLastIndex(({ text }) => {
    if (text === ')') depth += 1
    if (text === '(') depth -= 1
    return depth < 0
  })
  return open > 0 && isIn(before[open - 1]) && !/^(select|with|values|table)$/i.test(before[open + 1]?.text ?? '')
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
  let at = index - 1
  while (at >= 0 && !isSignificant(tokens[at] as SqlToken)) at -= 1
  const before = tokens[at]
  const hasOnlySpaceBetween = tokens[index - 1]?.type === 'space' ? tokens[index - 2] === before : tokens[index - 1] === before
  const word = before?.type === 'word' ? before.text.toLowerCase() : ''
  return hasOnlySpaceBetween && LITERAL_TYPES.has(word) ? word : null
}

function dropWord(parts: string[]): void {
  parts.push((parts.pop() ?? '').replace(/\w+\s*$/, ''))
}

/** @throws TransientError TEMPLATE_ERROR where a literal, or a name, can hold no value */
function assertText(token: SqlToken, { source }: Hole, { path }: BindOptions): void {
  if (!token.isClosed) throw new TransientError('TEMPLATE_ERROR', `${path}: the quote around ${source} is not closed`)
  if (token.type === 'dollar' || (token.type === 'string' && ['', 'e', 'n'].includes(token.prefix ?? ''))) return
  const literal = token.type === 'string' ? `a ${token.prefix?.toUpperCase()}'...' literal` : 'a name'
  const where = token.type === 'quoted' ? 'a quoted name' : literal
  throw new TransientError(
    'TEMPLATE_ERROR',
    `${path}: ${source} stands inside ${where}, where no value can stand; trusted text is marked {{ ... | sql }}`,
  )
}

function literalText(token: SqlToken, holes: readonly Hole[]): string {
  const texts = holes.map((hole) => hole.text(token.type === 'string'))
  const pieces = unquote(token).split(HOLE)
  return pieces.map((piece, index) => piece + (texts[index] ?? '')).join('')
}
