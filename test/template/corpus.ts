import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTransientError, type TransientError } from '../../src/core/errors.js'
import { isLosslessNumber, type JsonObject, type JsonValue, parseJson } from '../../src/core/json.js'
import { createContext, renderTemplate, renderText, type TemplateContext } from '../../src/template/index.js'
import { ROOT } from '../support/paths.js'

/**
 * Templates with what Jinja2 3.1.6 gives for them, as a value and as text (`corpus.jsonl`, `context.json`), and hostile ones
 * (`attacks.jsonl`). `{"$error"}` agrees with any error; `may_differ` marks rows where a difference is accepted.
 */
const textOf = (name: string): string => readFileSync(join(ROOT, 'test/template/corpus', name), 'utf8')

export interface CorpusRow {
  readonly id: string
  readonly category: string
  readonly template: string
  readonly context: JsonValue
  readonly value: JsonValue
  readonly text: JsonValue
  readonly may_differ?: boolean
}

export function readLines<T>(name: string): T[] {
  const lines = textOf(name).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}

/** A context whose names are all built-ins, as the corpus means them. */
export function corpusContext(given: JsonValue): TemplateContext {
  const values = given === 'CTX' ? parseJson(textOf('context.json')) : given
  const { vars, workload, ...builtins } = values as JsonObject
  return createContext({ locals: builtins, vars: (vars ?? {}) as JsonObject, workload: (workload ?? {}) as JsonObject })
}

/** What came out: a JSON value, or an error as the corpus writes it. */
export function outcome(render: () => JsonValue): JsonValue {
  try {
    return comparable(render())
  } catch (error) {
    if (!isTransientError(error)) throw error
    return {
      [(error as TransientError).code === 'TEMPLATE_UNDEFINED' ? '$undefined' : '$error']: (error as TransientError).message,
    }
  }
}

function comparable(value: JsonValue): JsonValue {
  if (isLosslessNumber(value)) return Number(value.value)
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]))
}

function isFault(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && JSON.stringify(value).match(/"\$(error|undefined)"/) !== null
}

export function agrees(expected: JsonValue, actual: JsonValue): boolean {
  if (isFault(expected)) return isFault(actual)
  return canonical(expected) === canonical(actual)
}

function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}

/** The rows on which value or text differs. */
export function differences(rows: readonly CorpusRow[]): { row: CorpusRow; value: JsonValue; text: JsonValue }[] {
  return rows.flatMap((row) => {
    const value = outcome(() => renderTemplate(row.template, corpusContext(row.context)))
    const text = outcome(() => renderText(row.template, corpusContext(row.context)))
    const isTextSame = isFault(row.value) ? isFault(text) : agrees(row.text, text)
    return agrees(row.value, value) && isTextSame ? [] : [{ row, value, text }]
  })
}
