import { isTransientError, TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import type { TemplateContext } from './context.js'
import { TemplateFault } from './faults.js'
import { createRun, type Run, spending } from './run.js'
import { compileCondition, compileTemplate, hasMarkup, type Template, toTransientError } from './template.js'
import type { Budget } from './types.js'
import { isTrue } from './values/compare.js'
import { toJson } from './values/output.js'
import { toText } from './values/text.js'
import { raiseUndefined } from './values/undefined.js'
import { Special, Undefined, type Value } from './values/values.js'

/**
 * Renders a template. One whole expression keeps its type; mixed text is a string; nothing is parsed again.
 * @param at where the template stands in the playbook (`workflow[2].vars.total`), for errors
 * @throws TransientError TEMPLATE_UNDEFINED, TEMPLATE_ERROR or TEMPLATE_FORBIDDEN
 */
export function renderTemplate(template: Template | string, context: TemplateContext, at?: string): JsonValue {
  const compiled = typeof template === 'string' ? compileAt(template, at, compileTemplate) : template
  return evaluate({ template: compiled, context, at, finish: compiled.isRead ? readJson : toJson })
}

/** A list or object of the context is passed on as it is: however large, reading it is no work. */
function readJson(run: Run, value: Value): JsonValue {
  const isOwn = typeof value !== 'object' || value === null || value instanceof Special
  return isOwn ? toJson(run, value) : (value as JsonValue)
}

/** Renders a template to the text that Jinja2 would print, also where it is one whole expression. */
export function renderText(template: Template | string, context: TemplateContext, at?: string): string {
  return evaluate({ template, context, at, finish: (run, value) => toText(run, defined(value)) })
}

/** Renders every string inside a value; keys are left as they are. */
export function renderTree(value: JsonValue, context: TemplateContext, at?: string): JsonValue {
  if (typeof value === 'string') return hasMarkup(value) ? renderTemplate(value, context, at) : value
  if (Array.isArray(value)) return value.map((item, index) => renderTree(item, context, `${at ?? ''}[${index}]`))
  if (!isJsonObject(value)) return value
  const rendered: JsonObject = {}
  for (const [key, item] of Object.entries(value)) {
    const path = at === undefined ? key : `${at}.${key}`
    Object.defineProperty(rendered, key, {
      value: renderTree(item, context, path),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return rendered
}

/**
 * The truth, as Jinja2 has it, of a condition: `{{ expression }}` or the bare expression.
 * @throws TransientError TEMPLATE_UNDEFINED when it comes out undefined
 */
export function evaluateCondition(source: string, context: TemplateContext, at?: string): boolean {
  return evaluate({
    template: source,
    context,
    at,
    finish: (run, value) => isTrue(run, defined(value)),
    compile: compileCondition,
  })
}

function defined(value: Value): Value {
  return value instanceof Undefined ? raiseUndefined(value) : value
}

interface Evaluation<T> {
  readonly template: Template | string
  readonly context: TemplateContext
  readonly at: string | undefined
  readonly finish: (run: Run, value: Value) => T
  readonly compile?: (source: string) => Template
}

function evaluate<T>({ template, context, at, finish, compile = compileTemplate }: Evaluation<T>): T {
  const compiled = typeof template === 'string' ? compileAt(template, at, compile) : template
  const run = createRun(context)
  try {
    return spending(run, () => finish(run, compiled.evaluate(run)))
  } catch (error) {
    throw faultOf(error, { source: compiled.source, at, ...run.at, suggests: maySuggest(context.evaluationLimits.budget) })
  }
}

function compileAt(source: string, at: string | undefined, compile: (source: string) => Template): Template {
  try {
    return compile(source)
  } catch (error) {
    if (at === undefined || !isTransientError(error)) throw error
    throw new TransientError(error.code, `${at}: ${error.message}`, { details: { ...error.details, at } })
  }
}

interface Location {
  readonly source: string
  readonly at: string | undefined
  readonly lineno: number
  readonly colno: number
  readonly suggests: boolean
}

/** The first errors of a decision are those that somebody reads. */
function maySuggest(budget: Budget | undefined): boolean {
  if (budget === undefined) return true
  budget.suggestions -= 1
  return budget.suggestions >= 0
}

function faultOf(error: unknown, location: Location): unknown {
  if (error instanceof TemplateFault) return toTransientError(error, location)
  // A full stack, or a text beyond the engine's limit: both are a template that asks for too much.
  if (error instanceof RangeError)
    return toTransientError(
      new TemplateFault('TEMPLATE_FORBIDDEN', 'the template nests too deeply or makes too much text'),
      location,
    )
  return error
}
