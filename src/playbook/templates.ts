import { isScalar } from 'yaml'
import { isTransientError } from '../core/errors.js'
import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { compileCondition, compileTemplate, type Template } from '../template/index.js'
import type { NumberRule } from './numbers.js'
import { type Cursor, describeKind, fieldsOf, itemsOf, jsonOf, kindOf, objectOf, refuse, report, textOf } from './reader.js'
import { approximate } from './scalars.js'

/** Whether a text holds a template at all. */
export function isTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%')
}

/** Whether a value is rendered before it is used: a text in it holds a template. */
export function hasTemplate(value: JsonValue): boolean {
  if (typeof value === 'string') return isTemplate(value) || value.includes('{#')
  if (Array.isArray(value)) return value.some(hasTemplate)
  return isJsonObject(value) && Object.values(value).some(hasTemplate)
}

/** A value with templates in it, whose syntax is checked wherever one stands. */
export function templatesOf(cursor: Cursor): JsonValue {
  checkTemplates(cursor)
  return jsonOf(cursor)
}

/** A mapping with templates in it, empty where there is none. */
export function templateMapping(cursor: Cursor, what: string): JsonObject {
  if (kindOf(cursor) !== 'mapping') {
    if (kindOf(cursor) !== 'null') report(cursor, `${what} must be a mapping of names to values, not ${describeKind(cursor)}`)
    return {}
  }
  checkTemplates(cursor)
  return objectOf(cursor)
}

function checkTemplates(cursor: Cursor): void {
  const text = textOf(cursor)
  if (text?.includes('{')) compile(cursor, text, compileTemplate)
  for (const field of fieldsOf(cursor).values()) checkTemplates(field.value)
  for (const item of itemsOf(cursor)) checkTemplates(item)
}

/** A condition: `{{ expr }}`, a bare expression, or true and false. Any other text would be true whatever it says. */
export function conditionOf(cursor: Cursor, what: string): string | null {
  const text = expressionOf(cursor, what)
  if (text !== null && hasTextAround(text)) refuse(cursor, mixedCondition(text))
  return text
}

/** What is evaluated as one expression: `{{ expr }}`, a bare expression, or true and false. */
export function expressionOf(cursor: Cursor, what: string, rewrite = (text: string) => text): string | null {
  if (kindOf(cursor) === 'boolean') return String(jsonOf(cursor))
  const text = textOf(cursor)
  if (text === null || text.trim() === '') {
    report(cursor, `${what} must be an expression, such as "{{ vars.counter < 3 }}"`)
    return null
  }
  const expression = rewrite(text)
  compile(cursor, expression, compileCondition)
  return expression.trim()
}

/** Whether there is more in a text than one template, so that what comes of it is text. False where it does not compile. */
export function hasTextAround(text: string): boolean {
  return compiled(text)?.isExpression === false
}

function compiled(condition: string): Template | null {
  try {
    return compileCondition(condition)
  } catch (error) {
    if (isTransientError(error)) return null
    throw error
  }
}

function mixedCondition(text: string): string {
  const whole = text
    .replace(/(['"])\{\{([^{}]*)\}\}\1/g, (_, _quote, inner: string) => enclosed(inner.trim()))
    .replace(/\{\{([^{}]*)\}\}/g, (_, inner: string) => enclosed(inner.trim()))
  const meant = !text.includes('}}{{') && !whole.includes('{') && compiled(whole) !== null ? whole : 'vars.x > 10'
  return `a condition is one expression, such as "{{ ${meant} }}" or ${meant}: with text around its template it is a text, and so always true`
}

function enclosed(expression: string): string {
  return /^[\w.[\]'"]+$/.test(expression) ? expression : `(${expression})`
}

/** A number that a rule accepts, or a template of one. */
export function numberOrTemplate(cursor: Cursor, name: string, { what, accepts }: NumberRule): JsonValue | null {
  const text = textOf(cursor)
  if (text !== null && isTemplate(text)) return templatesOf(cursor)
  const value = jsonOf(cursor)
  if (isJsonNumber(value) && accepts(approximate(value))) return approximate(value)
  report(cursor, `${name} must be ${what}, or a template of one; this is ${describeKind(cursor)}${shown(value)}`)
  return null
}

function shown(value: JsonValue): string {
  return isJsonNumber(value) ? ` (${approximate(value)})` : typeof value === 'string' ? ` ("${value.slice(0, 40)}")` : ''
}

function compile(cursor: Cursor, text: string, how: (source: string) => unknown): void {
  try {
    how(text)
  } catch (error) {
    if (!isTransientError(error)) throw error
    const { line, column } = error.details
    const offset = offsetInside(cursor, { line: Number(line ?? 1), column: Number(column ?? 1) })
    cursor.source.log.add({ message: withoutPosition(error.message), path: cursor.path, offset })
  }
}

/** The engine's own position counts inside the template; the problem has one of its own. */
function withoutPosition(message: string): string {
  return message.replace(/ \(line \d+, column \d+ of [\s\S]*\)$/, '')
}

/** Where a line and column of a scalar's text stand in the source; its start where escapes or folding hide it. */
function offsetInside(cursor: Cursor, { line, column }: { line: number; column: number }): number {
  const { node, source, offset } = cursor
  if (!isScalar(node) || !node.range || !(line >= 1) || !(column >= 1)) return offset
  const [start, end] = node.range
  const inBounds = (at: number): number => (at >= start && at < end ? at : offset)
  if (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')
    return inBounds(blockOffset(source.text, { start, line, column }))
  const raw = source.text.slice(start, end)
  if (raw.includes('\n') || raw.includes('\\')) return offset
  return line === 1 ? inBounds(start + (node.type === 'PLAIN' ? 0 : 1) + column - 1) : offset
}

function blockOffset(text: string, { start, line, column }: { start: number; line: number; column: number }): number {
  const lines = text.slice(text.indexOf('\n', start) + 1).split('\n')
  const indent = /^ */.exec(lines.find((entry) => entry.trim() !== '') ?? '')?.[0].length ?? 0
  const before = lines.slice(0, line - 1).reduce((sum, entry) => sum + entry.length + 1, 0)
  return text.indexOf('\n', start) + 1 + before + indent + column - 1
}
