import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { failed } from '../outcome.js'
import type { RunningTool, ToolEnvironment, ToolOutcome } from '../tool.js'
import { createEmbeddedDatabase } from './embedded.js'
import { createPgDatabase, type SqlDatabase } from './pg-session.js'
import { runStatements, StatementFailed } from './run-statements.js'
import { SqlAnswerTooLarge, SqlFault } from './session.js'
import { type Statement, statementFromJson } from './statement.js'

const DEFAULT_CONNECTION = 'default'

/** Opens the postgres tool: each named connection at its first use. */
export function createPostgresTool(environment: ToolEnvironment): RunningTool {
  const databases = new Map<string, SqlDatabase>()
  const databaseOf = (name: string): SqlDatabase | null => {
    const database = databases.get(name) ?? openDatabase(name, environment)
    if (database) databases.set(name, database)
    return database
  }
  return {
    run: async (input, { signal, timeoutMs }) => {
      const name = connectionName(input.auth ?? null)
      const database = databaseOf(name)
      if (!database) return failed('TOOL_FAILED', noConnection(name, environment))
      const statements = Array.isArray(input.statements) ? input.statements.map(statementFromJson) : []
      if (statements.length === 0) return failed('TOOL_FAILED', 'query: there is no statement in it')
      try {
        const { rows, columns, rowCount } = await database.withSession({ signal, timeoutMs }, (session) =>
          runStatements(session, statements),
        )
        return { status: 'success', data: rows, extras: { row_count: rowCount, columns } }
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

function openDatabase(name: string, { connections, embeddedDatabaseDir }: ToolEnvironment): SqlDatabase | null {
  const url = connections.get(name)
  if (url !== undefined) return createPgDatabase(url)
  return name === DEFAULT_CONNECTION && embeddedDatabaseDir !== null ? createEmbeddedDatabase(embeddedDatabaseDir) : null
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
    const { fault, index } = error
    const where = statements.length > 1 ? `statement ${index + 1} of ${statements.length}: ` : ''
    const extras: JsonObject = fault.sqlState === '' ? {} : { sql_state: fault.sqlState }
    return failed('TOOL_FAILED', `${where}${faultText(fault, statements[index])}`, { extras })
  }
  if (error instanceof SqlFault)
    return failed('TOOL_FAILED', `the database of connection "${name}" cannot be reached: ${error.message}`)
  throw error
}

/** PostgreSQL names a bound value `$1`; the author wrote a template. */
function faultText(fault: SqlFault, statement: Statement | undefined): string {
  const place = /at or near "\$(\d+)"/.exec(fault.message)
  const source = statement?.bindings[Number(place?.[1]) - 1]?.source
  if (fault.sqlState === '42601' && source !== undefined) {
    return `${source} stands where PostgreSQL takes no value: names, keywords and bodies of functions cannot be bound; trusted text is marked {{ ... | sql }}`
  }
  const message = fault.message.replace(/\$(\d+)/g, (text, number) => statement?.bindings[Number(number) - 1]?.source ?? text)
  return fault.detail === null ? message : `${message} (${fault.detail})`
}
