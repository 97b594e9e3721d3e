import lexer, { type Token, type Tokenizer } from 'nunjucks/src/lexer.js'
import { TemplateFault } from '../faults.js'
import { resolveEscapes } from './escapes.js'

const BaseTokenizer = lexer.lex('').constructor as new (source: string) => Tokenizer

const WHITESPACE = /\s+/y
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y
const INTEGER = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy
const STRING = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,]/y
const RAW = /\{%[-+]?\s*raw\s*(-?)%\}/y
const END_RAW = /\{%([-+]?)\s*endraw\s*(-?|\+)%\}/g
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const TYPES: Readonly<Record<string, string>> = {
  '(': lexer.TOKEN_LEFT_PAREN,
  ')': lexer.TOKEN_RIGHT_PAREN,
  '[': lexer.TOKEN_LEFT_BRACKET,
  ']': lexer.TOKEN_RIGHT_BRACKET,
  '{': lexer.TOKEN_LEFT_CURLY,
  '}': lexer.TOKEN_RIGHT_CURLY,
  ',': lexer.TOKEN_COMMA,
  ':': lexer.TOKEN_COLON,
  '~': lexer.TOKEN_TILDE,
  '|': lexer.TOKEN_PIPE,
}

/** nunjucks' tokenizer with Jinja2's tokens: balanced brackets, numbers, names, string escapes, `raw`. */
export class JinjaTokenizer extends BaseTokenizer {
  private readonly open: string[] = []
  private ends: 'block' | 'variable' | 'never' = 'never'

  /** @param isBare the source is one expression, not a template */
  constructor(
    source: string,
    private readonly isBare = false,
  ) {
    super(source)
    this.in_code = isBare
  }

  override nextToken(): Token | null {
    if (!this.in_code) return this.isFinished() ? null : this.nextData()
    if (!this.isFinished()) return this.nextCode()
    if (!this.isBare) this.stop('unexpected end of the template inside a tag')
    return null
  }

  private stop(message: string): never {
    throw new TemplateFault('TEMPLATE_ERROR', message, this.lineno, this.colno)
  }

  private take(type: string, length: number, value?: string): Token {
    const { lineno, colno } = this
    const text = this.str.slice(this.index, this.index + length)
    this.forwardN(length)
    return { type, value: value ?? text, lineno, colno }
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.index
    return pattern.exec(this.str)?.[0] ?? null
  }

  private nextCode(): Token {
    const space = this.match(WHITESPACE)
    if (space !== null) return this.take(lexer.TOKEN_WHITESPACE, space.length)
    const end = this.nextEnd()
    if (end !== null) return end
    const float = this.match(FLOAT)
    if (float !== null) return this.take(lexer.TOKEN_FLOAT, float.length)
    const integer = this.match(INTEGER)
    if (integer !== null) return this.take(lexer.TOKEN_INT, integer.length)
    const name = this.match(NAME)
    if (name !== null) return this.take(lexer.TOKEN_SYMBOL, name.length)
    const string = this.match(STRING)
    if (string !== null) {
      const value = resolveEscapes(string.slice(1, -1))
      if (value === null) this.stop('the text has a broken \\ escape')
      return this.take(lexer.TOKEN_STRING, string.length, value)
    }
    const operator = this.match(OPERATOR)
    if (operator === null) this.stop(`unexpected character ${JSON.stringify(this.str.charAt(this.index))}`)
    this.balance(operator)
    return this.take(Object.hasOwn(TYPES, operator) ? (TYPES[operator] as string) : lexer.TOKEN_OPERATOR, operator.length)
  }

  private nextEnd(): Token | null {
    if (this.isBare || this.open.length > 0) return null
    const mark = this.ends === 'block' ? '%}' : '}}'
    for (const sign of ['', '-', ...(this.ends === 'block' ? ['+'] : [])]) {
      if (this.str.startsWith(sign + mark, this.index)) {
        this.in_code = false
        const type = this.ends === 'block' ? lexer.TOKEN_BLOCK_END : lexer.TOKEN_VARIABLE_END
        return this.take(type, sign.length + 2, (sign === '+' ? '' : sign) + mark)
      }
    }
    return null
  }

  private balance(operator: string): void {
    if (Object.hasOwn(CLOSING, operator)) {
      this.open.push(CLOSING[operator] as string)
    } else if (operator === ')' || operator === ']' || operator === '}') {
      const expected = this.open.pop()
      if (expected === undefined) this.stop(`unexpected "${operator}"`)
      if (expected !== operator) this.stop(`unexpected "${operator}", expected "${expected}"`)
    }
  }

  private nextData(): Token {
    const at = this.str.startsWith('{', this.index) ? this.str.charAt(this.index + 1) : ''
    if (at === '{') return this.enter('variable', lexer.TOKEN_VARIABLE_START)
    if (at === '#') return this.comment()
    if (at === '%') {
      const raw = this.match(RAW)
      return raw === null ? this.enter('block', lexer.TOKEN_BLOCK_START) : this.raw(raw)
    }
    let end = this.str.indexOf('{', this.index)
    while (end >= 0 && !/[{%#]/.test(this.str.charAt(end + 1))) end = this.str.indexOf('{', end + 1)
    const text = this.str.slice(this.index, end < 0 ? this.len : end)
    const isStripped = end >= 0 && this.str.startsWith('{%-', end) && /^\{%-\s*raw\s*-?%\}/.test(this.str.slice(end, end + 200))
    return this.take(lexer.TOKEN_DATA, text.length, newlines(isStripped ? text.trimEnd() : text))
  }

  private enter(ends: 'block' | 'variable', type: string): Token {
    this.in_code = true
    this.ends = ends
    const sign = this.str.charAt(this.index + 2)
    const isSigned = sign === '-' || (sign === '+' && ends === 'block')
    return this.take(type, isSigned ? 3 : 2, this.str.slice(this.index, this.index + 2) + (sign === '-' ? '-' : ''))
  }

  private comment(): Token {
    const end = this.str.indexOf('#}', this.index + 2)
    if (end < 0) this.stop('the comment is not closed: "#}" is missing')
    return this.take(lexer.TOKEN_COMMENT, end + 2 - this.index)
  }

  private raw(start: string): Token {
    const from = this.index + start.length
    END_RAW.lastIndex = from
    const end = END_RAW.exec(this.str)
    if (end === null) this.stop('the raw block is not closed: "{% endraw %}" is missing')
    let body = this.str.slice(from, end.index)
    if (start.endsWith('-%}')) body = body.trimStart()
    if (end[1] === '-') body = body.trimEnd()
    let length = end.index + end[0].length - this.index
    if (end[2] === '-') while (/\s/.test(this.str.charAt(this.index + length))) length += 1
    return this.take(lexer.TOKEN_DATA, length, newlines(body))
  }
}

function newlines(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
}
