import { TemplateFault } from '../faults.js'
import type { Expression, Statement } from './nodes.js'
import { JinjaParser } from './statements.js'
import { JinjaTokenizer } from './tokens.js'

export const MAX_SOURCE = 16 * 1024

export interface ParsedTemplate {
  readonly body: readonly Statement[]
  /** Names that the template itself binds. */
  readonly bound: ReadonlySet<string>
}

/** Parses a template. Throws TemplateFault with the position of a syntax error. */
export function parseTemplate(source: string): ParsedTemplate {
  checkLength(source)
  const parser = new JinjaParser(new JinjaTokenizer(source.replace(/\r?\n$/, '')))
  const body = withNestingLimit(() => parser.parseNodes())
  return { body, bound: parser.bound }
}

/** Parses one expression without `{{ }}`. */
export function parseBareExpression(source: string): { expression: Expression; bound: ReadonlySet<string> } {
  checkLength(source)
  const parser = new JinjaParser(new JinjaTokenizer(source, true))
  const expression = withNestingLimit(() => {
    const node = parser.parseExpression()
    const next = parser.peekToken()
    if (next !== null) parser.fail(`unexpected "${next.value}" after the expression`)
    return node
  })
  return { expression, bound: parser.bound }
}

function checkLength(source: string): void {
  if (source.length > MAX_SOURCE || Buffer.byteLength(source) > MAX_SOURCE) {
    throw new TemplateFault('TEMPLATE_ERROR', `the template is longer than ${MAX_SOURCE} bytes`)
  }
}

function withNestingLimit<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) throw new TemplateFault('TEMPLATE_ERROR', 'the template nests too deeply')
    throw error
  }
}
