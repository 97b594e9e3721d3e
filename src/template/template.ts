import { TransientError } from '../core/errors.js'
import { createEnvironment, type Environment } from './compile/environment.js'
import { compileExpression, compileRaw } from './compile/expressions.js'
import { findMentions, findReferences } from './compile/references.js'
import { compileBody } from './compile/statements.js'
import { TemplateFault } from './faults.js'
import type { Run } from './run.js'
import type { Expression, Statement } from './syntax/nodes.js'
import { parseBareExpression, parseTemplate } from './syntax/parse.js'
import type { References } from './types.js'
import type { Value } from './values/values.js'

/** A compiled template. It holds no context, and may be evaluated with any. */
export interface Template {
  readonly source: string
  /** Whether it is one whole expression, whose value keeps its type. */
  readonly isExpression: boolean
  /** Whether it only reads a value of the context, which then leaves the engine as it is. */
  readonly isRead: boolean
  readonly references: References
  /** The same without regard to what the template binds itself: nothing that it may read is missing. */
  readonly mentions: References
  /** The engine's own value; `renderTemplate` gives JSON. */
  evaluate(run: Run): Value
  /** The last filter of an expression, which gives its value; null where there is none. */
  readonly outermostFilter: string | null
}

const COMPILERS = { expression: compileExpression, raw: compileRaw, body: compileBody }
const MAX_CACHED = 2000
const MAX_CACHED_LENGTH = 2 * 1024 * 1024
const NO_REFERENCES: References = { roots: new Set(), members: new Map() }
const NOTHING = { references: NO_REFERENCES, mentions: NO_REFERENCES }

/** Two generations: what was not used while the younger one filled up goes with the older. A hit costs one look-up. */
interface Cache {
  young: Map<string, Template>
  old: Map<string, Template>
  /** Characters of the young sources. */
  length: number
}

const templates: Cache = { young: new Map(), old: new Map(), length: 0 }
const conditions: Cache = { young: new Map(), old: new Map(), length: 0 }

/** Whether a text holds anything but text. */
export function hasMarkup(source: string): boolean {
  return source.includes('{{') || source.includes('{%') || source.includes('{#')
}

/**
 * Compiles a template; the same source is compiled once (a bounded cache, unused ones first out).
 * @throws TransientError TEMPLATE_ERROR with line and column on a syntax error, an unknown filter or test, or a source above 16 KiB
 */
export function compileTemplate(source: string): Template {
  if (!hasMarkup(source)) return constant(source)
  return cached(templates, source, () => build(source))
}

/**
 * Compiles a condition: `{{ expression }}` or the bare expression.
 * @throws TransientError TEMPLATE_ERROR
 */
export function compileCondition(source: string): Template {
  if (hasMarkup(source)) return compileTemplate(source)
  return cached(conditions, source, () => {
    const { expression, bound } = parseBareExpression(source)
    return ofExpression(source, expression, createEnvironment(bound, COMPILERS))
  })
}

function constant(source: string): Template {
  return { source, isExpression: false, isRead: false, outermostFilter: null, ...NOTHING, evaluate: () => source }
}

function build(source: string): Template {
  const { body, bound } = parseTemplate(source)
  const environment = createEnvironment(bound, COMPILERS)
  const whole = wholeExpression(body)
  if (whole !== null) return ofExpression(source, whole, environment)
  const print = compileBody(body, environment)
  return {
    source,
    isExpression: false,
    isRead: false,
    outermostFilter: null,
    references: findReferences(body),
    mentions: findMentions(body),
    evaluate(run) {
      const output = { text: '' }
      run.scope = { values: new Map(), parent: null }
      print(run, output)
      return output.text
    },
  }
}

function ofExpression(source: string, expression: Expression, environment: Environment): Template {
  // First of all, as it looks how deep the expression is.
  const evaluate = compileExpression(expression, environment)
  return {
    source,
    isExpression: true,
    isRead: isRead(expression, environment),
    outermostFilter: expression.typename === 'Apply' ? expression.name : null,
    references: findReferences([expression]),
    mentions: findMentions([expression]),
    evaluate,
  }
}

/** Steps' results by name are no plain data, so that reading `results` whole is not a mere read. */
function isRead(expression: Expression, environment: Environment): boolean {
  if (expression.typename === 'Symbol') return !environment.bound.has(expression.value) && expression.value !== 'results'
  if (expression.typename !== 'LookupVal' || expression.val.typename !== 'Literal') return false
  const { target } = expression
  return isRead(target, environment) || (target.typename === 'Symbol' && target.value === 'results')
}

function wholeExpression(body: readonly Statement[]): Expression | null {
  const [only, ...rest] = body
  if (only === undefined || rest.length > 0 || only.typename !== 'Output') return null
  const [child] = only.children
  return child === undefined || child.typename === 'TemplateData' ? null : child
}

function cached(cache: Cache, source: string, compile: () => Template): Template {
  const known = cache.young.get(source)
  if (known !== undefined) return known
  const template = cache.old.get(source) ?? located(source, compile)
  cache.young.set(source, template)
  cache.length += source.length
  if (cache.young.size * 2 > MAX_CACHED || cache.length * 2 > MAX_CACHED_LENGTH) {
    cache.old = cache.young
    cache.young = new Map()
    cache.length = 0
  }
  return template
}

function located(source: string, compile: () => Template): Template {
  try {
    return compile()
  } catch (error) {
    const fault = error instanceof RangeError ? new TemplateFault('TEMPLATE_ERROR', 'the template nests too deeply') : error
    throw fault instanceof TemplateFault ? toTransientError(fault, { source, lineno: 0, colno: 0 }) : error
  }
}

interface FaultLocation {
  readonly source: string
  readonly lineno: number
  readonly colno: number
  readonly at?: string | undefined
  /** Whether there is time to look for a name that was probably meant. */
  readonly suggests?: boolean
}

const MAX_SHOWN = 200

/** The error that leaves the engine: code, message, expression, line and column (from 1) and the playbook path. */
export function toTransientError(fault: TemplateFault, location: FaultLocation): TransientError {
  const line = (fault.lineno ?? location.lineno) + 1
  const column = (fault.colno ?? location.colno) + 1
  const shown = location.source.length > MAX_SHOWN ? `${location.source.slice(0, MAX_SHOWN)}...` : location.source
  const where = location.at === undefined ? '' : `${location.at}: `
  const message = fault.message + (location.suggests === false ? '' : fault.suggestion())
  return new TransientError(fault.code, `${where}${message} (line ${line}, column ${column} of ${shown})`, {
    details: { expression: shown, line, column, ...(location.at === undefined ? {} : { at: location.at }) },
  })
}
