/** The three modules of nunjucks that the engine uses: its tokenizer, its parser and its nodes. */

declare module 'nunjucks/src/lexer.js' {
  export interface Token {
    readonly type: string
    readonly value: string
    readonly lineno: number
    readonly colno: number
  }

  export interface Tokenizer {
    str: string
    index: number
    len: number
    lineno: number
    colno: number
    in_code: boolean
    readonly tags: { readonly VARIABLE_END: string }
    nextToken(): Token | null
    isFinished(): boolean
    forwardN(count: number): void
  }

  const lexer: {
    lex(source: string): Tokenizer
    readonly TOKEN_STRING: string
    readonly TOKEN_WHITESPACE: string
    readonly TOKEN_DATA: string
    readonly TOKEN_BLOCK_START: string
    readonly TOKEN_BLOCK_END: string
    readonly TOKEN_VARIABLE_START: string
    readonly TOKEN_VARIABLE_END: string
    readonly TOKEN_COMMENT: string
    readonly TOKEN_LEFT_PAREN: string
    readonly TOKEN_RIGHT_PAREN: string
    readonly TOKEN_LEFT_BRACKET: string
    readonly TOKEN_RIGHT_BRACKET: string
    readonly TOKEN_LEFT_CURLY: string
    readonly TOKEN_RIGHT_CURLY: string
    readonly TOKEN_OPERATOR: string
    readonly TOKEN_COMMA: string
    readonly TOKEN_COLON: string
    readonly TOKEN_TILDE: string
    readonly TOKEN_PIPE: string
    readonly TOKEN_INT: string
    readonly TOKEN_FLOAT: string
    readonly TOKEN_SYMBOL: string
  }
  // biome-ignore lint/style/noDefaultExport: the module's one export is its CommonJS object
  export default lexer
}

declare module 'nunjucks/src/nodes.js' {
  export interface Node {
    readonly typename: string
    readonly lineno: number
    readonly colno: number
  }

  export interface NodeClass {
    new (lineno: number, colno: number, ...fields: unknown[]): Node
    extend(name: string, properties?: { readonly fields: readonly string[] }): NodeClass
  }

  const nodes: Readonly<Record<string, NodeClass>> & {
    readonly Node: NodeClass
    readonly NodeList: NodeClass
  }
  // biome-ignore lint/style/noDefaultExport: the module's one export is its CommonJS object
  export default nodes
}

declare module 'nunjucks/src/parser.js' {
  import type { Token, Tokenizer } from 'nunjucks/src/lexer.js'
  import type { Node } from 'nunjucks/src/nodes.js'

  export class Parser {
    constructor(tokens: Tokenizer)
    tokens: Tokenizer
    peeked: Token | null
    breakOnBlocks: string[] | null
    dropLeadingWhitespace: boolean
    nextToken(withWhitespace?: boolean): Token | null
    peekToken(): Token | null
    pushToken(token: Token | null): void
    error(message: string, lineno?: number, colno?: number): Error
    fail(message: string, lineno?: number, colno?: number): never
    skip(type: string): boolean
    expect(type: string): Token
    skipValue(type: string, value: string): boolean
    skipSymbol(name: string): boolean
    advanceAfterBlockEnd(name?: string): Token
    advanceAfterVariableEnd(): void
    parseIf(): Node
    parseStatement(): Node | null
    parseExpression(): Node
    parseInlineIf(): Node
    parseOr(): Node
    parseAnd(): Node
    parseNot(): Node
    parseCompare(): Node
    parseConcat(): Node
    parseAdd(): Node
    parseMul(): Node
    parsePow(): Node
    parseUnary(noFilters?: boolean): Node
    parsePrimary(noPostfix?: boolean): Node
    parsePostfix(node: Node): Node
    parseFilter(node: Node): Node
    parseUntilBlocks(...names: string[]): Node
    parseNodes(): Node[]
    parseAsRoot(): Node
  }

  const parser: { readonly Parser: typeof Parser }
  // biome-ignore lint/style/noDefaultExport: the module's one export is its CommonJS object
  export default parser
}
