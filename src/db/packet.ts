import pg from 'pg'
import type { SqlParameter } from './database.js'

/** What a driver answers to a statement. */
export interface Answer {
  readonly rows: unknown[]
  readonly columns: readonly Column[]
  readonly count: number
}

/**
 * `records`, without it: parsed, by name. `texts`: each row is an array of its columns, in PostgreSQL's own text. `prisma`: the same, for a statement
 * of Prisma's client.
 */
export type RowForm = 'records' | 'texts' | 'prisma'

export type RunStatement = (text: string, parameters: readonly SqlParameter[], form?: RowForm) => Promise<Answer>

/** Runs the work on one connection. */
export type Session = <T>(work: (statement: RunStatement) => Promise<T>) => Promise<T>

/** One statement on its way. */
interface Sent {
  readonly text: string
  readonly name: string
  readonly parameters: readonly SqlParameter[]
  readonly form: RowForm | undefined
  resolve(answer: Answer): void
  reject(error: unknown): void
}

interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}

/** The statements that a connection has prepared, by name, with the columns of their rows. */
type Prepared = Map<string, readonly Column[]>

/** `more`, which the driver's types ask for, is from its past: nothing is sent before the stream is uncorked. */
const MORE = true

/**
 * Runs statements on one connection. Those that are issued before the answer to the first of them could have come travel together,
 * in the order in which they were issued, and their answers come back together: one round trip. When one fails, those behind it
 * in the same packet are not carried out, and fail with its error.
 */
export function statementsOn(client: pg.Client, nameOf: (text: string, form: RowForm | undefined) => string): RunStatement {
  const prepared: Prepared = new Map()
  let waiting: Sent[] = []
  const send = () => {
    const statements = waiting
    waiting = []
    client.query(createPacket(statements, prepared))
  }
  return (text, parameters, form) =>
    new Promise((resolve, reject) => {
      // Runs after all promises that are settled by now have been followed, and these may issue more.
      if (waiting.length === 0) process.nextTick(send)
      waiting.push({ text, name: nameOf(text, form), parameters, form, resolve, reject })
    })
}

/**
 * The driver's interface for other kinds of queries than its own (`pg.Submittable`): each statement is bound and executed, and one Sync
 * ends them all. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
function createPacket(statements: readonly Sent[], prepared: Prepared) {
  const answers: Answer[] = []
  let rows: unknown[] = []
  const current = () => statements[answers.length] as Sent
  const finish = (count: number) => {
    const { name } = current()
    const columns = prepared.get(name) ?? []
    if (!prepared.has(name)) prepared.set(name, columns)
    answers.push({ rows, columns, count })
    rows = []
  }
  const settle = () => {
    for (const [index, answer] of answers.entries()) statements[index]?.resolve(answer)
  }
  return {
    submit(connection: pg.Connection) {
      connection.stream.cork()
      for (const statement of statements) put(connection, statement, prepared)
      connection.sync()
      connection.stream.uncork()
    },
    handleRowDescription({ fields }: RowDescription) {
      prepared.set(current().name, columnsOf(fields))
    },
    handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }) {
      const { name, form } = current()
      rows.push(form === 'texts' || form === 'prisma' ? fields : readRow(prepared.get(name) ?? [], fields))
    },
    handleCommandComplete: ({ text }: { readonly text: string }) => finish(Number(/\d+$/.exec(text)?.[0] ?? 0)),
    handleEmptyQuery: () => finish(0),
    handleReadyForQuery: settle,
    handleError(error: unknown) {
      settle()
      const failed = statements.slice(answers.length)
      // Whether it could be prepared is not known.
      if (failed[0]) prepared.delete(failed[0].name)
      for (const statement of failed) statement.reject(error)
    },
  }
}

/** A statement that this connection knows is neither parsed nor described again. */
function put(connection: pg.Connection, { text, name, parameters }: Sent, prepared: Prepared): void {
  const isKnown = name !== '' && prepared.has(name)
  if (!isKnown) {
    prepared.delete(name)
    if (name !== '') connection.close({ type: 'S', name }, MORE)
    connection.parse({ name, text, types: [] }, MORE)
  }
  connection.bind({ statement: name, values: parameters.map(toText) }, MORE)
  if (!isKnown) connection.describe({ type: 'P' }, MORE)
  connection.execute(null, MORE)
}

/** How parameters travel: as text, which the casts in the SQL give its type. */
function toText(parameter: SqlParameter): string | null {
  const value = toWire(parameter)
  return Array.isArray(value) ? arrayText(value) : value === null ? null : String(value)
}

/** PostgreSQL's notation of arrays. */
function arrayText(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`
}

const INT8 = 20
const INT8_ARRAY = 1016

/** A BIGINT is a bigint always; the driver's own parsers give text. */
const OURS: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: BigInt,
  [INT8_ARRAY]: (text) =>
    text === '{}'
      ? []
      : text
          .slice(1, -1)
          .split(',')
          .map((item) => (item === 'NULL' ? null : BigInt(item))),
}

export interface Column {
  readonly name: string
  /** The type's number in PostgreSQL. */
  readonly type: number
  readonly parse: (text: string) => unknown
}

/** Columns as PostgreSQL describes them. */
export function columnsOf(fields: readonly { readonly name: string; readonly dataTypeID: number }[]): Column[] {
  return fields.map(({ name, dataTypeID: type }) => ({ name, type, parse: OURS[type] ?? pg.types.getTypeParser(type, 'text') }))
}

/** One row, by name, from the texts that PostgreSQL sent. */
export function readRow(columns: readonly Column[], texts: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [index, { name, parse }] of columns.entries()) {
    const text = texts[index] ?? null
    row[name] = text === null ? null : parse(text)
  }
  return row
}

/** How parameters travel: as text, which the casts in the SQL give its type. */
export function toWire(parameter: SqlParameter): string | number | boolean | null | string[] {
  if (typeof parameter === 'bigint') return String(parameter)
  if (parameter instanceof Date) return parameter.toISOString()
  return typeof parameter === 'object' && parameter !== null ? [...parameter] : parameter
}
