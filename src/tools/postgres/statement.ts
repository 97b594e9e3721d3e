import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { createLocate, type Origin, positionAt, type SqlPosition } from './positions.js'

/** A value that PostgreSQL gets beside the text, never in it. */
export interface Binding {
  readonly value: JsonValue
  /** The type that the SQL names before the literal (`interval '{{ n }} days'`); null: the server decides. */
  readonly type: string | null
  /** Whether it stood between quotes: then its text is taken as PostgreSQL would take the literal's. */
  readonly isLiteral: boolean
  /** Where it came from, for messages: `{{ vars.id }}`. */
  readonly source: string
  readonly position: SqlPosition | null
}

/** One statement, cut where its values stand: there is one part more than there are bindings. */
export interface Statement {
  readonly parts: readonly string[]
  /** Where the author wrote each part. */
  readonly origins: readonly (readonly Origin[])[]
  readonly bindings: readonly Binding[]
  /** The words that it begins with, at most two, in upper case: `BEGIN`, `INSERT INTO`. */
  readonly words: readonly string[]
}

export function statementToJson({ parts, origins, bindings, words }: Statement): JsonObject {
  return {
    parts: [...parts],
    origins: origins.map((list) => list.map(({ at, line, column, isFixed }) => [at, line, column, isFixed])),
    bindings: bindings.map(
      ({ value, type, isLiteral, source, position }): JsonObject => ({
        ...{ value, type, is_literal: isLiteral, source },
        place: position && { line: position.line, column: position.column },
      }),
    ),
    words: [...words],
  }
}

export function statementFromJson(json: JsonValue): Statement {
  const { parts = [], origins = [], bindings = [], words = [] } = isJsonObject(json) ? json : {}
  return {
    parts: texts(parts),
    origins: items(origins).map((list) => items(list).map(originFromJson)),
    bindings: items(bindings).filter(isJsonObject).map(bindingFromJson),
    words: texts(words),
  }
}

function originFromJson(json: JsonValue): Origin {
  const [at = 0, line = 1, column = 1, isFixed = false] = items(json)
  return { at: Number(at), line: Number(line), column: Number(column), isFixed: isFixed === true }
}

function bindingFromJson(json: JsonObject): Binding {
  const { value = null, type = null, is_literal: isLiteral = false, source = '', place = null } = json
  const { line = 0, column = 0 } = isJsonObject(place) ? place : {}
  return {
    value,
    type: typeof type === 'string' ? type : null,
    isLiteral: isLiteral === true,
    source: typeof source === 'string' ? source : '',
    position:
      isJsonNumber(line) && isJsonNumber(column) && Number(line) > 0 ? { line: Number(line), column: Number(column) } : null,
  }
}

function items(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}

function texts(value: JsonValue): string[] {
  return items(value).filter((item) => typeof item === 'string')
}

/** The statement's text, with `$1`, `$2`, ... where its values stand, cast to `types` where one is given. */
export function statementText({ parts, bindings }: Statement, types: readonly (string | null)[]): string {
  return parts.map((part, index) => (index === 0 ? '' : bindingText(bindings, index - 1, types)) + part).join('')
}

function bindingText(bindings: readonly Binding[], index: number, types: readonly (string | null)[]): string {
  const type = types[index] ?? bindings[index]?.type ?? null
  return type === null ? ` $${index + 1} ` : ` ($${index + 1}::${type}) `
}

/** Where the author wrote what stands at a position of `statementText`, which the server counts in characters from 1. */
export function positionIn(statement: Statement, types: readonly (string | null)[], position: number): SqlPosition | null {
  const { parts, origins, bindings } = statement
  let left = [...statementText(statement, types)].slice(0, position - 1).join('').length
  for (const [index, part] of parts.entries()) {
    if (index > 0) {
      const { length } = bindingText(bindings, index - 1, types)
      if (left < length) return bindings[index - 1]?.position ?? null
      left -= length
    }
    if (left < part.length || index === parts.length - 1) return positionAt(createLocate(part), origins[index] ?? [], left)
    left -= part.length
  }
  return null
}

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'])

export function opensTransaction({ words }: Statement): boolean {
  return words[0] === 'BEGIN' || (words[0] === 'START' && words[1] === 'TRANSACTION')
}

/** Whether a statement only begins or ends transactions: its rows are nobody's result. */
export function isTransactionControl({ words }: Statement): boolean {
  return CONTROL.has(words[0] ?? '')
}
