import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, numberText, stringifyJson } from '../../src/core/json.js'
import { bindStatements } from '../../src/tools/postgres/bind.js'
import { HOLE } from '../../src/tools/postgres/sql-lexer.js'
import { type Statement, statementToJson } from '../../src/tools/postgres/statement.js'

/** Statements with `{name}` as templates: what the template engine does, without it. */
export function bindSql(
  source: string,
  values: Record<string, JsonValue> = {},
  params: Record<string, JsonValue> = {},
): Statement[] {
  const names = [...source.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  return bindStatements({
    sql: source.replace(/\{\w+\}/g, HOLE),
    origins: [],
    holes: names.map((name) => ({
      source: `{{ ${name} }}`,
      isJoined: false,
      value: () => values[name] ?? null,
      text: () => plain(values[name] ?? ''),
    })),
    params: new Map(Object.entries(params)),
    path: 'query',
  })
}

function plain(value: JsonValue): string {
  if (typeof value === 'string') return value
  return isJsonNumber(value)
    ? numberText(value)
    : isJsonObject(value) || Array.isArray(value)
      ? stringifyJson(value)
      : String(value)
}

export function sqlInput(
  source: string,
  values: Record<string, JsonValue> = {},
  params: Record<string, JsonValue> = {},
): JsonObject {
  return { statements: bindSql(source, values, params).map(statementToJson), auth: null }
}
