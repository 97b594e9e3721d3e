import lexer, { type Token } from 'nunjucks/src/lexer.js'
import type { Node } from 'nunjucks/src/nodes.js'
import nunjucks from 'nunjucks/src/parser.js'
import { TemplateFault } from '../faults.js'
import type { Position } from '../run.js'
import { float, integer } from '../values/numbers.js'
import { type ArgumentsNode, type Expression, make, type PairNode, type SliceNode } from './nodes.js'

const MAX_NESTING = 80
const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>='])
const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  null: null,
}
const END: Token = { type: 'end', value: 'the end', lineno: 0, colno: 0 }

/** nunjucks' parser with the expressions of Jinja2's grammar: its precedence, tuples, slices, tests, calls. */
export class ExpressionParser extends nunjucks.Parser {
  private nesting = 0

  /** The next token without taking it; never null. */
  protected ahead(): Token {
    return this.peekToken() ?? END
  }

  protected is(type: string, value?: string): boolean {
    const token = this.ahead()
    return token.type === type && (value === undefined || token.value === value)
  }

  protected isName(...names: string[]): boolean {
    const token = this.ahead()
    return token.type === lexer.TOKEN_SYMBOL && names.includes(token.value)
  }

  override error(message: string, lineno?: number, colno?: number): Error {
    const token = lineno === undefined || colno === undefined ? this.ahead() : { lineno, colno }
    return new TemplateFault('TEMPLATE_ERROR', message, token.lineno, token.colno)
  }

  override expect(type: string): Token {
    const token = this.ahead()
    if (token.type !== type) this.fail(`unexpected "${token.value}", expected a ${type.replace('symbol', 'name')}`)
    this.nextToken()
    return token
  }

  override skipValue(type: string, value: string): boolean {
    if (!this.is(type, value)) return false
    this.nextToken()
    return true
  }

  override skip(type: string): boolean {
    if (!this.is(type)) return false
    this.nextToken()
    return true
  }

  private nested<T>(work: () => T): T {
    this.nesting += 1
    if (this.nesting > MAX_NESTING) this.fail(`the expression nests deeper than ${MAX_NESTING} levels`)
    const result = work()
    this.nesting -= 1
    return result
  }

  override parseExpression(): Node & Expression {
    return this.nested(() => this.parseInlineIf())
  }

  override parseInlineIf(): Expression {
    let node = this.parseOr() as Expression
    while (this.skipSymbol('if')) {
      const cond = this.parseOr() as Expression
      const otherwise = this.skipSymbol('else') ? this.nested(() => this.parseInlineIf()) : null
      node = make('InlineIf', node, cond, node, otherwise)
    }
    return node
  }

  override parseNot(): Expression {
    const at = this.ahead()
    if (!this.skipSymbol('not')) return this.parseCompare()
    return this.nested(() => make('Not', at, this.parseNot()))
  }

  override parseCompare(): Expression {
    const expr = this.parseAdd()
    const ops = []
    while (true) {
      const at = this.ahead()
      const type = this.comparison()
      if (type === null) break
      ops.push(make('CompareOperand', at, this.parseAdd(), type))
    }
    return ops.length === 0 ? expr : make('Compare', expr, expr, ops)
  }

  private comparison(): string | null {
    const token = this.ahead()
    if (token.type === lexer.TOKEN_OPERATOR && COMPARISONS.has(token.value)) {
      this.nextToken()
      return token.value
    }
    if (this.skipSymbol('in')) return 'in'
    if (!this.skipSymbol('not')) return null
    if (!this.skipSymbol('in')) this.fail('expected "in" after "not"')
    return 'not in'
  }

  override parseAdd(): Expression {
    let node = this.parseConcat()
    while (this.is(lexer.TOKEN_OPERATOR, '+') || this.is(lexer.TOKEN_OPERATOR, '-')) {
      const operator = this.nextToken() as Token
      node = make(operator.value === '+' ? 'Add' : 'Sub', operator, node, this.parseConcat()) as Expression
    }
    return node
  }

  override parseConcat(): Expression {
    let node = this.parseMul()
    while (this.is(lexer.TOKEN_TILDE)) {
      const operator = this.nextToken() as Token
      node = make('Concat', operator, node, this.parseMul()) as Expression
    }
    return node
  }

  override parseMul(): Expression {
    const kinds: Readonly<Record<string, 'Mul' | 'Div' | 'FloorDiv' | 'Mod'>> = { '*': 'Mul', '/': 'Div', '//': 'FloorDiv', '%': 'Mod' }
    let node = this.parsePow()
    while (this.ahead().type === lexer.TOKEN_OPERATOR && Object.hasOwn(kinds, this.ahead().value)) {
      const operator = this.nextToken() as Token
      node = make(kinds[operator.value] as 'Mul', operator, node, this.parsePow()) as Expression
    }
    return node
  }

  override parsePow(): Expression {
    let node = this.parseUnary()
    while (this.is(lexer.TOKEN_OPERATOR, '**')) {
      const operator = this.nextToken() as Token
      node = make('Pow', operator, node, this.parseUnary()) as Expression
    }
    return node
  }

  override parseUnary(hasNoFilters = false): Expression {
    const at = this.ahead()
    const isSigned = at.type === lexer.TOKEN_OPERATOR && (at.value === '-' || at.value === '+')
    if (isSigned) this.nextToken()
    const primary = isSigned
      ? this.nested(() => make(at.value === '-' ? 'Neg' : 'Pos', at, this.parseUnary(true)) as Expression)
      : this.parsePrimary()
    const node = this.parsePostfix(primary)
    return hasNoFilters ? node : this.parseFilters(node)
  }

  override parsePrimary(): Expression {
    const token = this.nextToken() ?? END
    if (token.type === lexer.TOKEN_SYMBOL) {
      return Object.hasOwn(CONSTANTS, token.value)
        ? make('Literal', token, CONSTANTS[token.value])
        : make('Symbol', token, token.value)
    }
    if (token.type === lexer.TOKEN_STRING) {
      let text = token.value
      while (this.is(lexer.TOKEN_STRING)) text += this.nextToken()?.value ?? ''
      return make('Literal', token, text)
    }
    if (token.type === lexer.TOKEN_INT) return make('Literal', token, integer(BigInt(decimal(token.value))))
    if (token.type === lexer.TOKEN_FLOAT) return make('Literal', token, float(Number(token.value.replaceAll('_', ''))))
    if (token.type === lexer.TOKEN_LEFT_PAREN) return this.parseParentheses()
    if (token.type === lexer.TOKEN_LEFT_BRACKET) return make('Array', token, this.items(lexer.TOKEN_RIGHT_BRACKET, () => this.parseExpression()))
    if (token.type === lexer.TOKEN_LEFT_CURLY) return make('Dict', token, this.items(lexer.TOKEN_RIGHT_CURLY, () => this.parsePair()))
    return this.fail(`unexpected "${token.value}", expected an expression`, token.lineno, token.colno)
  }

  private parseParentheses(): Expression {
    const node = this.parseTuple({ isEmptyAllowed: true })
    this.expect(lexer.TOKEN_RIGHT_PAREN)
    return node
  }

  private parsePair(): PairNode {
    const key = this.parseExpression()
    this.expect(lexer.TOKEN_COLON)
    return make('Pair', key, key, this.parseExpression())
  }

  private items<T>(end: string, parse: () => T): T[] {
    const items: T[] = []
    while (!this.is(end)) {
      if (items.length > 0) {
        this.expect(lexer.TOKEN_COMMA)
        if (this.is(end)) break
      }
      items.push(parse())
    }
    this.nextToken()
    return items
  }

  /** One expression, or a tuple where there are commas. */
  protected parseTuple(options: { isEmptyAllowed?: boolean; endsBefore?: string; parse?: () => Expression } = {}): Expression {
    const at = this.ahead()
    const parse = options.parse ?? ((): Expression => this.parseExpression())
    const items: Expression[] = []
    let isTuple = false
    while (!this.isTupleEnd(options.endsBefore)) {
      items.push(parse())
      if (!this.skip(lexer.TOKEN_COMMA)) break
      isTuple = true
    }
    const [first] = items
    if (!isTuple && first !== undefined) return first
    if (!isTuple && options.isEmptyAllowed !== true) this.fail(`unexpected "${this.ahead().value}", expected an expression`)
    return make('Tuple', at, items)
  }

  private isTupleEnd(endsBefore?: string): boolean {
    const ends: readonly string[] = [lexer.TOKEN_VARIABLE_END, lexer.TOKEN_BLOCK_END, lexer.TOKEN_RIGHT_PAREN, END.type]
    return ends.includes(this.ahead().type) || (endsBefore !== undefined && this.isName(endsBefore))
  }

  override parsePostfix(start: Node): Expression {
    let node = start as Expression
    while (true) {
      const at = this.ahead()
      if (this.skip(lexer.TOKEN_LEFT_BRACKET)) node = this.parseSubscript(node, at)
      else if (this.skipValue(lexer.TOKEN_OPERATOR, '.')) node = this.parseMember(node, at)
      else if (this.is(lexer.TOKEN_LEFT_PAREN)) node = make('FunCall', at, node, this.parseArguments())
      else return node
    }
  }

  private parseMember(target: Expression, at: Position): Expression {
    const token = this.nextToken() ?? END
    if (token.type === lexer.TOKEN_SYMBOL) return make('LookupVal', at, target, make('Literal', token, token.value))
    if (token.type === lexer.TOKEN_INT) return make('LookupVal', at, target, make('Literal', token, Number(decimal(token.value))))
    return this.fail('expected a name or a number after "."', token.lineno, token.colno)
  }

  private parseSubscript(target: Expression, at: Position): Expression {
    const keys = this.items(lexer.TOKEN_RIGHT_BRACKET, () => this.parseKey())
    const [only] = keys
    if (only !== undefined && keys.length === 1) return make('LookupVal', at, target, only)
    return make('LookupVal', at, target, make('Tuple', at, keys))
  }

  private parseKey(): Expression | SliceNode {
    const at = this.ahead()
    const start = this.is(lexer.TOKEN_COLON) ? null : this.parseExpression()
    if (start !== null && !this.is(lexer.TOKEN_COLON)) return start
    this.nextToken()
    const isOpen = (): boolean => this.is(lexer.TOKEN_COLON) || this.is(lexer.TOKEN_RIGHT_BRACKET) || this.is(lexer.TOKEN_COMMA)
    const stop = isOpen() ? null : this.parseExpression()
    const hasStep = this.skip(lexer.TOKEN_COLON)
    const step = !hasStep || isOpen() ? null : this.parseExpression()
    return make('Slice', at, start, stop, step)
  }

  /** What may follow an expression: filters, tests, calls of their results. */
  protected parseFilters(start: Expression): Expression {
    let node = start
    while (true) {
      const at = this.ahead()
      if (this.is(lexer.TOKEN_PIPE)) node = this.parseFilter(node)
      else if (this.skipSymbol('is')) node = this.parseTest(node, at)
      else if (this.is(lexer.TOKEN_LEFT_PAREN)) node = make('FunCall', at, node, this.parseArguments())
      else return node
    }
  }

  override parseFilter(start: Node, isInline = false): Expression {
    let node = start as Expression
    let isStart = isInline
    while (isStart || this.skip(lexer.TOKEN_PIPE)) {
      isStart = false
      const at = this.ahead()
      const name = this.parseDottedName()
      node = make('Apply', at, node, name, this.is(lexer.TOKEN_LEFT_PAREN) ? this.parseArguments() : this.noArguments(at))
    }
    return node
  }

  private parseDottedName(): string {
    let name = this.expect(lexer.TOKEN_SYMBOL).value
    while (this.skipValue(lexer.TOKEN_OPERATOR, '.')) name += `.${this.expect(lexer.TOKEN_SYMBOL).value}`
    return name
  }

  private noArguments(at: Position, positional: readonly Expression[] = []): ArgumentsNode {
    return make('Arguments', at, positional, [], null, null)
  }

  private parseTest(target: Expression, at: Position): Expression {
    const isNegated = this.skipSymbol('not')
    const name = this.parseDottedName()
    const test = make('Test', at, target, name, this.parseTestArguments())
    return isNegated ? make('Not', at, test) : test
  }

  private parseTestArguments(): ArgumentsNode {
    const at = this.ahead()
    if (this.is(lexer.TOKEN_LEFT_PAREN)) return this.parseArguments()
    const starts: readonly string[] = [lexer.TOKEN_SYMBOL, lexer.TOKEN_STRING, lexer.TOKEN_INT, lexer.TOKEN_FLOAT, lexer.TOKEN_LEFT_BRACKET, lexer.TOKEN_LEFT_CURLY]
    if (!starts.includes(at.type) || this.isName('else', 'or', 'and')) return this.noArguments(at)
    if (this.isName('is')) this.fail('tests with "is" cannot be chained')
    return this.noArguments(at, [this.parsePostfix(this.parsePrimary())])
  }

  /** The arguments of a call, parentheses included. */
  protected parseArguments(): ArgumentsNode {
    const at = this.expect(lexer.TOKEN_LEFT_PAREN)
    const positional: Expression[] = []
    const keywords: { name: string; value: Expression }[] = []
    let rest: Expression | null = null
    let restKeywords: Expression | null = null
    this.items(lexer.TOKEN_RIGHT_PAREN, () => {
      if (restKeywords !== null) this.fail('nothing may follow "**" in a call')
      if (this.skipValue(lexer.TOKEN_OPERATOR, '**')) restKeywords = this.parseExpression()
      else if (this.skipValue(lexer.TOKEN_OPERATOR, '*')) {
        if (rest !== null) this.fail('a call may hold only one "*"')
        rest = this.parseExpression()
      } else {
        const value = this.parseExpression()
        if (value.typename === 'Symbol' && this.skipValue(lexer.TOKEN_OPERATOR, '=')) {
          keywords.push({ name: value.value, value: this.parseExpression() })
        } else if (rest !== null || keywords.length > 0) this.fail('a positional argument cannot follow a named one')
        else positional.push(value)
      }
    })
    return make('Arguments', at, positional, keywords, rest, restKeywords)
  }
}

function decimal(text: string): string {
  return text.replaceAll('_', '').toLowerCase()
}

