import lexer, { type Token } from 'nunjucks/src/lexer.js'
import type { Node } from 'nunjucks/src/nodes.js'
import nunjucks from 'nunjucks/src/parser.js'
import { TemplateFault } from '../faults.js'
import { type Expression, make } from './nodes.js'

const MAX_NESTING = 80
const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>='])
export const END: Token = { type: 'end', value: 'the end', lineno: 0, colno: 0 }

/** nunjucks' parser with the operators of Jinja2's grammar and their precedence. */
export abstract class OperatorParser extends nunjucks.Parser {
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
    const kinds: Readonly<Record<string, 'Mul' | 'Div' | 'FloorDiv' | 'Mod'>> = {
      '*': 'Mul',
      '/': 'Div',
      '//': 'FloorDiv',
      '%': 'Mod',
    }
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

  abstract override parsePrimary(): Expression
  abstract override parsePostfix(node: Node): Expression
  /** What may follow an expression: filters, tests, calls of their results. */
  protected abstract parseFilters(start: Expression): Expression
}
