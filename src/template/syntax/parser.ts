import lexer from 'nunjucks/src/lexer.js'
import type { Node } from 'nunjucks/src/nodes.js'
import type { Position } from '../run.js'
import { float, integer } from '../values/numbers.js'
import { type ArgumentsNode, type Expression, make, type PairNode, type SliceNode } from './nodes.js'
import { END, OperatorParser } from './operators.js'

const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  null: null,
}

/** The rest of Jinja2's expressions: literals, tuples, slices, calls, filters and tests. */
export class ExpressionParser extends OperatorParser {
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
    if (token.type === lexer.TOKEN_LEFT_BRACKET)
      return make(
        'Array',
        token,
        this.items(lexer.TOKEN_RIGHT_BRACKET, () => this.parseExpression()),
      )
    if (token.type === lexer.TOKEN_LEFT_CURLY)
      return make(
        'Dict',
        token,
        this.items(lexer.TOKEN_RIGHT_CURLY, () => this.parsePair()),
      )
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
    const slice = keys.find((key) => key.typename === 'Slice')
    if (slice !== undefined) this.fail('a slice must stand alone between its brackets', slice.lineno, slice.colno)
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

  protected override parseFilters(start: Expression): Expression {
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
    const starts: readonly string[] = [
      lexer.TOKEN_SYMBOL,
      lexer.TOKEN_STRING,
      lexer.TOKEN_INT,
      lexer.TOKEN_FLOAT,
      lexer.TOKEN_LEFT_BRACKET,
      lexer.TOKEN_LEFT_CURLY,
    ]
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
