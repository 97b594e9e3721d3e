import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { failed } from '../outcome.js'
import type { RunningTool, ToolEnvironment, ToolOutcome } from '../tool.js'
import { createPgDatabase, type SqlDatabase } from './pg-session.js'
import type { SqlPosition } from './positions.js'
import { runStatements, StatementFailed } from './run-statements.js'
import { noticeText, SqlAnswerTooLarge, SqlFault, type SqlNotice } from './session.js'
import { type Statement, statementFromJson } from './statement.js'

const DEFAULT_CONNECTION = 'default'
const MAX_DETAIL = 4000

/** Opens the postgres tool: each named connection at its first use. */
export function createPostgresTool(environment: ToolEnvironment): RunningTool {
  const databases = new Map<string, SqlDatabase>()
  const databaseOf = (name: string): SqlDatabase | null => {
    const database = databases.get(name) ?? openDatabase(name, environment)
    if (database) databases.set(name, database)
    return database
  }
  return {
    run: async (input, { signal, timeoutMs, log }) => {
      const name = connectionName(input.auth ?? null)
      const database = databaseOf(name)
      if (!database) return failed('TOOL_FAILED', noConnection(name, environment))
      const statements = Array.isArray(input.statements) ? input.statements.map(statementFromJson) : []
      if (statements.length === 0) return failed('TOOL_FAILED', 'query: there is no statement in it')
      try {
        const onNotice = (notice: SqlNotice) => log(noticeText(notice))
        const { rows, columns, renamed, rowCount, commands } = await database.withSession(
          { signal, timeoutMs, onNotice },
          (session) => runStatements(session, statements),
        )
        for (const { from, to } of renamed)
          log(
            `warning: several columns are called "${from}"; this one is "${to}" in the rows: give it a name of its own with AS\n`,
          )
        const each = commands.map(({ rows, rowCount }, index) => [`command_${index}`, { rows, row_count: rowCount }] as const)
        const extras = { row_count: rowCount, columns, ...(each.length > 0 ? { commands: Object.fromEntries(each) } : {}) }
        return { status: 'success', data: rows, extras }
      } catch (error) {
        return failureOf({ error, statements, name })
      }
    },
    close: async () => {
      await Promise.all([...databases.values()].map((database) => database.close()))
      databases.clear()
    },
  }
}

function openDatabase(name: string, { connections }: ToolEnvironment): SqlDatabase | null {
  const url = connections.get(name)
  return url === undefined ? null : createPgDatabase(url)
}

function connectionName(auth: JsonValue): string {
  if (typeof auth === 'string' && auth !== '') return auth
  if (isJsonObject(auth) && typeof auth.credential === 'string') return auth.credential
  return DEFAULT_CONNECTION
}

function noConnection(name: string, { connections }: ToolEnvironment): string {
  const known = connections.size === 0 ? 'it names none' : `it names ${[...connections.keys()].join(', ')}`
  const lead =
    name === DEFAULT_CONNECTION
      ? 'the step names no connection with auth, and there is none called "default"'
      : `auth: there is no connection "${name}"`
  return `${lead}: the setting CONNECTIONS, a JSON object from name to URL, names the databases that postgres steps may use (${known})`
}

interface Failure {
  readonly error: unknown
  readonly statements: readonly Statement[]
  readonly name: string
}

function failureOf({ error, statements, name }: Failure): ToolOutcome {
  if (error instanceof SqlAnswerTooLarge) return failed('TOOL_FAILED', `the answer of the database is ${error.message}`)
  if (error instanceof StatementFailed) {
    const { fault, index, position } = error
    const where = index === null ? 'at the end of the transaction: ' : `statement ${index + 1} of ${statements.length}: `
    const extras: JsonObject = fault.sqlState === '' ? {} : { sql_state: fault.sqlState }
    const text = `${statements.length > 1 ? where : ''}${faultText(fault, statements[index ?? -1], position)}`
    return failed('TOOL_FAILED', text, { extras, details: detailsOf(fault, position) })
  }
  if (error instanceof SqlFault) {
    const details = detailsOf(error, null)
    return failed('TOOL_FAILED', `the database of connection "${name}" cannot be reached: ${error.message}`, { details })
  }
  throw error
}

/** What `this.error` says beside code and message. */
function detailsOf({ sqlState, fields }: SqlFault, position: SqlPosition | null): JsonObject {
  const { detail, hint, where, schema, table, column, dataType, constraint } = fields
  const known = {
    ...(sqlState === '' ? {} : { sqlstate: sqlState }),
    ...(position ? { line: position.line, column: position.column } : {}),
  }
  const said = Object.entries({
    detail,
    hint,
    context: where,
    schema,
    table,
    column_name: column,
    data_type: dataType,
    constraint,
  })
  return { ...known, ...Object.fromEntries(said.flatMap(([key, text]) => (text === undefined ? [] : [[key, shortened(text)]]))) }
}

/** A detail may quote a whole row. */
function shortened(text: string): string {
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}...` : text
}

/** PostgreSQL names a bound value `$1`; the author wrote a template. */
function faultText(
  { message, sqlState, fields }: SqlFault,
  statement: Statement | undefined,
  position: SqlPosition | null,
): string {
  const { detail, hint } = fields
  const at = position === null ? '' : ` (line ${position.line}, column ${position.column})`
  const near = /at or near "\$(\d+)"/.exec(message)
  const source = statement?.bindings[Number(near?.[1]) - 1]?.source
  if (sqlState === '42601' && source !== undefined) {
    return `${source} stands where PostgreSQL takes no value: names, keywords and bodies of functions cannot be bound; trusted text is marked {{ ... | sql }}${at}`
  }
  const text = message.replace(/\$(\d+)/g, (name, number) => statement?.bindings[Number(number) - 1]?.source ?? name)
  return `${text}${detail ? ` (${shortened(detail)})` : ''}${hint ? ` (hint: ${shortened(hint)})` : ''}${at}`
}
