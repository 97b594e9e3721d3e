import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'

/** A value that PostgreSQL gets beside the text, never in it. */
export interface Binding {
  readonly value: JsonValue
  /** The type that the SQL names before the literal (`interval '{{ n }} days'`); null: the server decides. */
  readonly type: string | null
  /** Whether it stood between quotes: then its text is taken as PostgreSQL would take the literal's. */
  readonly isLiteral: boolean
  /** Where it came from, for messages: `{{ vars.id }}`. */
  readonly source: string
}

/** One statement, cut where its values stand: there is one part more than there are bindings. */
export interface Statement {
  readonly parts: readonly string[]
  readonly bindings: readonly Binding[]
  /** The first two words in upper case: `BEGIN`, `INSERT INTO`. */
  readonly words: readonly string[]
}

export function statementToJson({ parts, bindings, words }: Statement): JsonObject {
  return {
    parts: [...parts],
    bindings: bindings.map(({ value, type, isLiteral, source }): JsonObject => ({ value, type, is_literal: isLiteral, source })),
    words: [...words],
  }
}

export function statementFromJson(json: JsonValue): Statement {
  const { parts = [], bindings = [], words = [] } = isJsonObject(json) ? json : {}
  return {
    parts: texts(parts),
    bindings: (Array.isArray(bindings) ? bindings : []).filter(isJsonObject).map(bindingFromJson),
    words: texts(words),
  }
}

function bindingFromJson({ value = null, type = null, is_literal: isLiteral = false, source = '' }: JsonObject): Binding {
  return {
    value,
    type: typeof type === 'string' ? type : null,
    isLiteral: isLiteral === true,
    source: typeof source === 'string' ? source : '',
  }
}

function texts(value: JsonValue): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** The statement's text, with `$1`, `$2`, ... where its values stand, cast to `types` where one is given. */
export function statementText({ parts, bindings }: Statement, types: readonly (string | null)[]): string {
  let text = parts[0] ?? ''
  for (let index = 0; index < bindings.length; index += 1) {
    const type = types[index] ?? bindings[index]?.type ?? null
    text += type === null ? ` $${index + 1} ` : ` ($${index + 1}::${type}) `
    text += parts[index + 1] ?? ''
  }
  return text
}

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'])

export function opensTransaction({ words }: Statement): boolean {
  return words[0] === 'BEGIN' || (words[0] === 'START' && words[1] === 'TRANSACTION')
}

/** Whether a statement only begins or ends transactions: its rows are nobody's result. */
export function isTransactionControl({ words }: Statement): boolean {
  return CONTROL.has(words[0] ?? '')
}
