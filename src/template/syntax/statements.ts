import lexer, { type Token } from 'nunjucks/src/lexer.js'
import type { Node } from 'nunjucks/src/nodes.js'
import type { Position } from '../run.js'
import { nearestName } from '../suggest.js'
import {
  type AssignNode,
  type BodyNode,
  type CallNode,
  type Expression,
  make,
  type OutputNode,
  type Parameter,
  type Statement,
} from './nodes.js'
import { ExpressionParser } from './parser.js'

const MAX_BLOCKS = 30
const REFUSED: readonly string[] = ['include', 'import', 'from', 'extends']
const TAGS: readonly string[] = ['if', 'for', 'set', 'macro', 'call', 'filter', 'with', 'block', 'print', 'raw', 'autoescape']

/** The statements of Jinja2 that need no loader. `if` is nunjucks' own. */
export class JinjaParser extends ExpressionParser {
  private blocks = 0
  private readonly named = new Set<string>()

  /** Where the template binds names: `set`, `for`, `macro`, `with`. Other names are the context's. */
  readonly bound = new Set<string>(['loop', 'caller', 'varargs', 'kwargs'])

  /** The nodes up to the end or the closing tag; nunjucks' whitespace control, Jinja2's tuples. */
  override parseNodes(): Statement[] {
    const nodes: Statement[] = []
    for (let token = this.nextToken(); token !== null; token = this.nextToken()) {
      if (token.type === lexer.TOKEN_DATA) {
        nodes.push(this.dataNode(token))
      } else if (token.type === lexer.TOKEN_BLOCK_START) {
        this.dropLeadingWhitespace = false
        const node = this.parseStatement()
        if (node === null) break
        nodes.push(node)
      } else if (token.type === lexer.TOKEN_VARIABLE_START) {
        this.dropLeadingWhitespace = false
        const expression = this.parseTuple()
        if (!this.is(lexer.TOKEN_VARIABLE_END)) this.fail(`unexpected "${this.ahead().value}", expected "}}"`)
        this.dropLeadingWhitespace = this.expect(lexer.TOKEN_VARIABLE_END).value.startsWith('-')
        nodes.push(make('Output', token, [expression]))
      } else {
        this.dropLeadingWhitespace = token.value.endsWith('-#}')
      }
    }
    return nodes
  }

  private dataNode(token: Token): OutputNode {
    const next = this.peekToken()
    let text = this.dropLeadingWhitespace ? token.value.trimStart() : token.value
    this.dropLeadingWhitespace = false
    if (next !== null && next.type !== lexer.TOKEN_DATA && next.value.charAt(2) === '-') text = text.trimEnd()
    return make('Output', token, [make('TemplateData', token, text)])
  }

  override parseStatement(): Statement | null {
    const tag = this.ahead()
    if (tag.type !== lexer.TOKEN_SYMBOL) this.fail('expected the name of a tag', tag.lineno, tag.colno)
    if (this.breakOnBlocks?.includes(tag.value)) return null
    this.blocks += 1
    if (this.blocks > MAX_BLOCKS) this.fail(`blocks nest deeper than ${MAX_BLOCKS} levels`)
    const node = this.parseTag(tag)
    this.blocks -= 1
    return node
  }

  private parseTag(tag: Token): Statement {
    if (tag.value === 'if') return this.parseIf() as Node & Statement
    if (!TAGS.includes(tag.value)) return this.refuse(tag)
    this.nextToken()
    switch (tag.value) {
      case 'for':
        return this.parseForIn(tag)
      case 'set':
        return this.parseAssign(tag)
      case 'macro':
        return this.parseMacroDefinition(tag)
      case 'call':
        return this.parseCallBlock(tag)
      case 'filter': {
        const filters = this.parseFilter(make('Placeholder', tag) as Node, true)
        return make('FilterBlock', tag, filters, this.parseBody(tag, 'endfilter'))
      }
      case 'with':
        return this.parseWith(tag)
      case 'block':
        return this.parseInlineBlock(tag)
      case 'print': {
        const expression = this.parseTuple()
        this.closeTag(tag)
        const printed = expression.typename === 'Tuple' ? expression.children : [expression]
        return make('Output', tag, [make('TemplateData', tag, ''), ...printed])
      }
      case 'autoescape': {
        const isOn = this.parseExpression()
        if (isOn.typename !== 'Literal' || isOn.value !== false)
          this.fail('only "autoescape false" is available: use the filter e')
        return this.parseBody(tag, 'endautoescape')
      }
      default:
        return this.refuse(tag)
    }
  }

  private refuse(tag: Token): never {
    if (REFUSED.includes(tag.value)) this.fail(`"${tag.value}" is not available: a template cannot load another one`)
    const near = nearestName(tag.value, TAGS)
    return this.fail(`unknown tag "${tag.value}"${near === null ? '' : ` (did you mean ${near}?)`}`, tag.lineno, tag.colno)
  }

  private closeTag(tag: Token): void {
    if (!this.is(lexer.TOKEN_BLOCK_END))
      this.fail(`unexpected "${this.ahead().value}", expected the end of the tag "${tag.value}"`)
    this.advanceAfterBlockEnd(tag.value)
  }

  private parseBody(tag: Token, end: string): BodyNode {
    this.closeTag(tag)
    const body = this.parseUntilBlocks(end) as Node & BodyNode
    if (!this.skipSymbol(end)) this.fail(`the tag "${tag.value}" is not closed: "${end}" is missing`, tag.lineno, tag.colno)
    this.closeTag({ ...tag, value: end })
    return body
  }

  /** A target of an assignment: a name, names, or a member of a namespace. */
  private parseTarget(options: { hasMembers: boolean; endsBefore?: string }): Expression {
    const parse = (): Expression => {
      const name = this.parsePrimary()
      if (options.hasMembers && name.typename === 'Symbol' && this.skipValue(lexer.TOKEN_OPERATOR, '.')) {
        const member = this.expect(lexer.TOKEN_SYMBOL)
        return make('LookupVal', name, name, make('Literal', member, member.value))
      }
      return name
    }
    const target = this.parseTuple({ parse, ...(options.endsBefore === undefined ? {} : { endsBefore: options.endsBefore }) })
    this.bind(target)
    return target
  }

  private bind(target: Expression): void {
    if (target.typename === 'Symbol') this.bound.add(target.value)
    else if (target.typename === 'Tuple') for (const child of target.children) this.bind(child)
    else if (target.typename !== 'LookupVal') this.fail('cannot assign to that', target.lineno, target.colno)
  }

  private parseForIn(tag: Token): Statement {
    const target = this.parseTarget({ hasMembers: false, endsBefore: 'in' })
    if (target.typename === 'Symbol' && target.value === 'loop')
      this.fail('"loop" is the loop itself, and no name for its element')
    if (!this.skipSymbol('in')) this.fail('expected "in" in the for tag')
    const items = this.parseTuple({ parse: () => this.parseOr() as Node & Expression, endsBefore: 'recursive' })
    const test = this.skipSymbol('if') ? this.parseExpression() : null
    const isRecursive = this.skipSymbol('recursive')
    this.closeTag(tag)
    const body = this.parseUntilBlocks('endfor', 'else') as Node & BodyNode
    let otherwise: BodyNode | null = null
    if (this.skipSymbol('else')) {
      this.closeTag({ ...tag, value: 'else' })
      otherwise = this.parseUntilBlocks('endfor') as Node & BodyNode
    }
    if (!this.skipSymbol('endfor')) this.fail('the tag "for" is not closed: "endfor" is missing', tag.lineno, tag.colno)
    this.closeTag({ ...tag, value: 'endfor' })
    return make('ForIn', tag, target, items, test, isRecursive, body, otherwise)
  }

  private parseAssign(tag: Token): Statement {
    const target = this.parseTarget({ hasMembers: true })
    if (this.skipValue(lexer.TOKEN_OPERATOR, '=')) {
      const value = this.parseTuple()
      this.closeTag(tag)
      return make('Assign', tag, target, value)
    }
    const filters = this.parseFilter(make('Placeholder', tag) as Node)
    return make('AssignBlock', tag, target, filters, this.parseBody(tag, 'endset'))
  }

  private parseParameters(): Parameter[] {
    this.expect(lexer.TOKEN_LEFT_PAREN)
    const parameters: Parameter[] = []
    while (!this.is(lexer.TOKEN_RIGHT_PAREN)) {
      if (parameters.length > 0) this.expect(lexer.TOKEN_COMMA)
      const name = this.expect(lexer.TOKEN_SYMBOL).value
      if (parameters.some((other) => other.name === name)) this.fail(`two parameters are called "${name}"`)
      this.bound.add(name)
      const fallback = this.skipValue(lexer.TOKEN_OPERATOR, '=') ? this.parseExpression() : null
      if (fallback === null && parameters.at(-1)?.fallback) this.fail('a parameter without default follows one with default')
      parameters.push({ name, fallback })
    }
    this.nextToken()
    return parameters
  }

  private parseMacroDefinition(tag: Token): Statement {
    const name = this.expect(lexer.TOKEN_SYMBOL).value
    this.bound.add(name)
    const parameters = this.parseParameters()
    return make('MacroDefinition', tag, name, parameters, this.parseBody(tag, 'endmacro'))
  }

  private parseCallBlock(tag: Token): Statement {
    const parameters = this.is(lexer.TOKEN_LEFT_PAREN) ? this.parseParameters() : []
    const call = this.parseExpression()
    if (call.typename !== 'FunCall') return this.fail('expected a call in the call tag', call.lineno, call.colno)
    return make('CallBlock', tag, call satisfies CallNode, parameters, this.parseBody(tag, 'endcall'))
  }

  private parseWith(tag: Token): Statement {
    const assignments: AssignNode[] = []
    while (!this.is(lexer.TOKEN_BLOCK_END)) {
      if (assignments.length > 0) this.expect(lexer.TOKEN_COMMA)
      const at: Position = this.ahead()
      const target = this.parsePrimary()
      this.bind(target)
      if (!this.skipValue(lexer.TOKEN_OPERATOR, '=')) this.fail('expected "=" in the with tag')
      assignments.push(make('Assign', at, target, this.parseExpression()))
    }
    return make('With', tag, assignments, this.parseBody(tag, 'endwith'))
  }

  private parseInlineBlock(tag: Token): Statement {
    const name = this.expect(lexer.TOKEN_SYMBOL).value
    if (this.named.has(name)) this.fail(`two blocks are called "${name}"`)
    this.named.add(name)
    this.closeTag(tag)
    const body = this.parseUntilBlocks('endblock') as Node & BodyNode
    if (!this.skipSymbol('endblock')) this.fail('the tag "block" is not closed: "endblock" is missing', tag.lineno, tag.colno)
    this.skipSymbol(name)
    this.closeTag(tag)
    return body
  }
}
