import { TemplateFault } from './faults.js'
import { JinjaTokenizer } from './syntax/tokens.js'
import { compileTemplate, hasMarkup, type Template, toTransientError } from './template.js'

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'expression'; readonly source: string; readonly template: Template; readonly at: number }

/**
 * The texts and the expressions of a template, in order, and where in the source each begins: what the postgres tool turns into SQL text and bound parameters.
 * @throws TransientError TEMPLATE_ERROR on a syntax error, or when the template has statements (`{% %}`)
 */
export function splitTemplate(source: string): TemplatePart[] {
  if (!hasMarkup(source)) return source === '' ? [] : [{ kind: 'text', text: source, at: 0 }]
  const location = { source, lineno: 0, colno: 0 }
  try {
    return [...parts(source)]
  } catch (error) {
    throw error instanceof TemplateFault ? toTransientError(error, location) : error
  }
}

function* parts(source: string): Generator<TemplatePart> {
  const tokens = new JinjaTokenizer(source)
  let start: { readonly index: number } | null = null
  for (let index = 0, token = tokens.nextToken(); token !== null; index = tokens.index, token = tokens.nextToken()) {
    if (token.type === 'block-start') {
      throw new TemplateFault('TEMPLATE_ERROR', 'statements ({% %}) cannot stand here, only {{ }}', token.lineno, token.colno)
    }
    if (token.type === 'variable-start') start = { index }
    else if (token.type === 'variable-end') {
      const at = start?.index ?? 0
      const expression = source.slice(at, tokens.index)
      yield { kind: 'expression', source: expression, template: compileTemplate(expression), at }
      start = null
    } else if (token.type === 'data' && start === null && token.value !== '') {
      // `-}}` takes away the space before a text.
      yield { kind: 'text', text: token.value, at: Math.max(index, source.indexOf(token.value, index)) }
    }
  }
}

/** Whether an expression ends in the filter `sql`: its author vouches for its text. */
export function isMarkedSql(template: Template): boolean {
  return template.outermostFilter === 'sql'
}
