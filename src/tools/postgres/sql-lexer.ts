/** Stands for a template inside SQL while it is cut: PostgreSQL itself allows no such character. */
export const HOLE = '\u0000'

export type SqlTokenType =
  | 'space'
  | 'comment'
  | 'string'
  | 'dollar'
  | 'quoted'
  | 'word'
  | 'number'
  | 'positional'
  | 'named'
  | 'hole'
  | 'semicolon'
  | 'other'

export interface SqlToken {
  readonly type: SqlTokenType
  readonly text: string
  /** Where it begins in the SQL. */
  readonly at: number
  /** For strings, dollar strings and quoted names: what stands between the quotes, as written. */
  readonly body?: string
  /** For strings: `''`, `e`, `b`, `x`, `n` or `u&`, in lower case. */
  readonly prefix?: string
  /** For `:name` and `%(name)s`. */
  readonly name?: string
  readonly isClosed: boolean
}

/** PostgreSQL's own rules (scan.l), as far as they decide where a token ends. Order matters. */
const RULES: readonly (readonly [SqlTokenType, RegExp])[] = [
  ['hole', /\0/y],
  ['space', /[ \t\r\n\f\v]+/y],
  ['comment', /--[^\r\n]*/y],
  ['string', /([eE]|[bB]|[xX]|[nN]|[uU]&)?'/y],
  ['quoted', /(?:[uU]&)?"([^"]*(?:""[^"]*)*)("?)/y],
  ['dollar', /(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)/y],
  ['positional', /\$\d+/y],
  ['named', /%\(([A-Za-z_]\w*)\)s/y],
  ['word', /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ['number', /(?:\d|\.\d)[\w.]*/y],
  ['other', /::|:=/y],
  ['named', /:([A-Za-z_]\w*)/y],
  ['semicolon', /;/y],
]

/** Cuts SQL into tokens; together they are the text, and no text makes it fail. */
export function lexSql(sql: string): SqlToken[] {
  const tokens: SqlToken[] = []
  for (let at = 0; at < sql.length; ) {
    const token = { ...tokenAt(sql, at), at }
    tokens.push(token)
    at += token.text.length
  }
  return tokens
}

type Lexeme = Omit<SqlToken, 'at'>

function tokenAt(sql: string, at: number): Lexeme {
  if (sql.startsWith('/*', at)) return blockComment(sql, at)
  for (const [type, rule] of RULES) {
    rule.lastIndex = at
    const match = rule.exec(sql)
    if (!match) continue
    if (type === 'string') return stringToken(sql, at, match)
    if (type === 'dollar') return dollarToken(sql, at, match[1] ?? '$$')
    const [text, group = ''] = match
    if (type === 'quoted') return { type, text, body: group, isClosed: match[2] === '"' }
    if (type === 'named') return { type, text, name: group, isClosed: true }
    return { type, text, isClosed: true }
  }
  return { type: 'other', text: sql[at] ?? '', isClosed: true }
}

/** Comments nest. */
function blockComment(sql: string, start: number): Lexeme {
  const edge = /\/\*|\*\//g
  edge.lastIndex = start + 2
  let depth = 1
  for (let match = edge.exec(sql); match; match = edge.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return { type: 'comment', text: sql.slice(start, edge.lastIndex), isClosed: true }
  }
  return { type: 'comment', text: sql.slice(start), isClosed: false }
}

function stringToken(sql: string, start: number, match: RegExpExecArray): Lexeme {
  const prefix = (match[1] ?? '').toLowerCase()
  const rest = prefix === 'e' ? /([^'\\]*(?:(?:''|\\[\s\S]?)[^'\\]*)*)('?)/y : /([^']*(?:''[^']*)*)('?)/y
  rest.lastIndex = start + match[0].length
  const found = rest.exec(sql)
  const [inside = '', body = '', quote = ''] = found ?? []
  return { type: 'string', text: match[0] + inside, body, prefix, isClosed: quote === "'" }
}

function dollarToken(sql: string, start: number, tag: string): Lexeme {
  const bodyStart = start + tag.length
  const end = sql.indexOf(tag, bodyStart)
  if (end < 0) return { type: 'dollar', text: sql.slice(start), body: sql.slice(bodyStart), isClosed: false }
  return { type: 'dollar', text: sql.slice(start, end + tag.length), body: sql.slice(bodyStart, end), isClosed: true }
}

/** What a string literal means, from what stands between its quotes. */
export function unquote(token: SqlToken): string {
  const body = token.body ?? ''
  if (token.type === 'dollar') return body
  if (token.prefix !== 'e') return body.replaceAll("''", "'")
  return body.replace(/''|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g, unescapeOne)
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function unescapeOne(text: string, ...groups: (string | undefined)[]): string {
  const [short, long, hex, octal, plain] = groups
  if (text === "''") return "'"
  const point = short ?? long ?? hex
  if (point !== undefined) return codePoint(Number.parseInt(point, 16))
  if (octal !== undefined) return codePoint(Number.parseInt(octal, 8))
  return plain === undefined ? '' : (ESCAPES[plain] ?? plain)
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
}
