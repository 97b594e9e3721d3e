import { isJsonObject, type JsonObject, jsonSize } from '../../core/json.js'
import { decodeRow } from './decode.js'
import { encode, fits, ownType, type ParameterType } from './literal.js'
import type { SqlPosition } from './positions.js'
import { SqlFault, type SqlResult, type SqlSession } from './session.js'
import { type Binding, isTransactionControl, opensTransaction, positionIn, type Statement, statementText } from './statement.js'

/** A statement that failed, which one it was (null: the transaction's end), and where its author wrote what is wrong. */
export class StatementFailed extends Error {
  constructor(
    readonly fault: SqlFault,
    readonly index: number | null,
    readonly position: SqlPosition | null = null,
  ) {
    super(fault.message)
  }
}

class LocatedFault extends Error {
  constructor(
    readonly fault: SqlFault,
    readonly position: SqlPosition | null,
  ) {
    super(fault.message)
  }
}

export interface StatementsResult {
  readonly rows: JsonObject[]
  readonly columns: string[]
  /** Names that several columns had, and by which they are told apart. */
  readonly renamed: readonly Renamed[]
  readonly rowCount: number
  /** What each statement gave, where there are several; those that begin and end transactions apart. */
  readonly commands: readonly CommandResult[]
}

export interface CommandResult {
  /** null where all of them together would be too large. */
  readonly rows: JsonObject[] | null
  readonly rowCount: number
}

export interface Renamed {
  readonly from: string
  readonly to: string
}

const UNKNOWN: ParameterType = { oid: 0, isArray: false }
const NO_TRANSACTION = '25P01'
const FEATURE_NOT_SUPPORTED = '0A000'
/** Of the rows of all statements of a step, as a step's result may have. */
const MAX_COMMANDS_BYTES = 1024 * 1024
const PROBE = 'transient_bind'

/**
 * Runs the statements in one transaction, unless they have their own BEGIN. A single statement is its own
 * transaction, so that VACUUM and the like work.
 * @throws StatementFailed
 */
export async function runStatements(session: SqlSession, statements: readonly Statement[]): Promise<StatementsResult> {
  assertNoClientCopy(statements)
  const isOwn = statements.some(opensTransaction)
  const isWrapped = !isOwn && statements.length > 1
  let last: SqlResult = { columns: [], rows: [], rowCount: 0 }
  const commands: CommandResult[] = []
  let size = 0
  if (isWrapped) await session.query('BEGIN')
  for (const [index, statement] of statements.entries()) {
    try {
      const result = await runStatement(session, statement, statements.length > 1)
      if (isTransactionControl(statement)) continue
      last = result
      if (statements.length === 1) continue
      const { rows, rowCount } = resultOf(result)
      size += jsonSize(rows)
      commands.push({ rows: size <= MAX_COMMANDS_BYTES ? rows : null, rowCount })
    } catch (error) {
      if (error instanceof LocatedFault) throw new StatementFailed(error.fault, index, error.position)
      if (error instanceof SqlFault) throw new StatementFailed(error, index)
      throw error
    }
  }
  if (isWrapped) await commit(session)
  else if (isOwn) await assertClosed(session, statements.length - 1)
  return { ...resultOf(last), commands: commands.length > 1 ? commands : [] }
}

/** Rows that COPY takes from its client or gives to it have nowhere to come from, and nowhere to go: refused before anything runs. */
function assertNoClientCopy(statements: readonly Statement[]): void {
  for (const [index, { parts, words }] of statements.entries()) {
    const direction = words[0] === 'COPY' ? /\b(from\s+stdin|to\s+stdout)\b/i.exec(parts.join(' '))?.[1] : undefined
    if (direction === undefined) continue
    const instead = /^from/i.test(direction)
      ? 'write INSERT INTO ... SELECT ... FROM jsonb_to_recordset({{ rows }}) AS t(...)'
      : 'write the SELECT alone: its rows are the result'
    throw new StatementFailed(
      new SqlFault(`COPY ... ${direction.toUpperCase()} cannot be used in a step; ${instead}`, FEATURE_NOT_SUPPORTED),
      index,
    )
  }
}

/** Deferred constraints and conflicts with other transactions come out here. */
async function commit(session: SqlSession): Promise<void> {
  try {
    await session.query('COMMIT')
  } catch (error) {
    if (error instanceof SqlFault) throw new StatementFailed(error, null)
    throw error
  }
}

/** Columns of one name are told apart, so that no value hides another: `id`, `id_2`. */
function resultOf({ columns, rows, rowCount }: SqlResult): Omit<StatementsResult, 'commands'> {
  const given = new Set(columns.map(({ name }) => name))
  const names = new Set<string>()
  const distinct = columns.map((column) => {
    let name = column.name
    for (let count = 2; names.has(name); count += 1) {
      const next = `${column.name}_${count}`
      if (!given.has(next)) name = next
    }
    names.add(name)
    return { ...column, name }
  })
  return {
    rows: rows.map((row) => decodeRow(distinct, row)),
    columns: [...names],
    renamed: columns.flatMap(({ name: from }, index) => {
      const to = distinct[index]?.name ?? from
      return to === from ? [] : [{ from, to }]
    }),
    rowCount,
  }
}

async function assertClosed(session: SqlSession, index: number): Promise<void> {
  if (!(await openProbe(session))) return
  throw new StatementFailed(
    new SqlFault('the statements begin a transaction and do not end it: add COMMIT; nothing was kept', ''),
    index,
  )
}

async function runStatement(session: SqlSession, statement: Statement, mayBeInTransaction: boolean): Promise<SqlResult> {
  if (statement.bindings.length === 0) return located(statement, [], (text) => session.query(text))
  const attempt = mayBeInTransaction && (await openProbe(session)) ? withSavepoint(session) : plain(session)
  const plan = await planBindings(statement, attempt)
  const values = statement.bindings.map(({ value, isLiteral }, index) =>
    isLiteral && typeof value === 'string' ? value : encode(value, plan.parameters[index] ?? UNKNOWN),
  )
  if (attempt.hasSavepoint) await session.query(`RELEASE SAVEPOINT ${PROBE}`)
  return located(statement, plan.types, (text) => session.query(text, values))
}

type Types = readonly (string | null)[]

/** Uses a statement's text; of what the server refuses, the position is found where the author wrote it. */
async function located<T>(statement: Statement, types: Types, use: (text: string) => Promise<T>): Promise<T> {
  try {
    return await use(statementText(statement, types))
  } catch (error) {
    if (error instanceof SqlFault) throw new LocatedFault(error, positionOf(error, statement, types))
    throw error
  }
}

function positionOf({ fields }: SqlFault, statement: Statement, types: Types): SqlPosition | null {
  return fields.position === undefined ? null : positionIn(statement, types, Number(fields.position))
}

interface Attempt {
  readonly hasSavepoint: boolean
  describe(text: string): Promise<ParameterType[] | SqlFault>
}

/** Outside a transaction a refused description costs nothing. */
function plain(session: SqlSession): Attempt {
  return { hasSavepoint: false, describe: (text) => describeParameters(session, text) }
}

/** Inside one it would end the transaction: a savepoint takes it back. */
function withSavepoint(session: SqlSession): Attempt {
  return {
    hasSavepoint: true,
    describe: async (text) => {
      const described = await describeParameters(session, text)
      if (described instanceof SqlFault) await session.query(`ROLLBACK TO SAVEPOINT ${PROBE}`)
      return described
    },
  }
}

async function openProbe(session: SqlSession): Promise<boolean> {
  try {
    await session.query(`SAVEPOINT ${PROBE}`)
    return true
  } catch (error) {
    if (error instanceof SqlFault && error.sqlState === NO_TRANSACTION) return false
    throw error
  }
}

interface BindingPlan {
  readonly types: Types
  readonly parameters: readonly ParameterType[]
}

/**
 * Lets the server infer each parameter's type, as it would for a literal; where a value does not fit, or nothing can
 * be inferred, the value's own type is tried.
 */
async function planBindings(statement: Statement, attempt: Attempt): Promise<BindingPlan> {
  const { bindings } = statement
  const describe = (types: Types) => attempt.describe(statementText(statement, types))
  const inferred = await describe([])
  if (inferred instanceof SqlFault) {
    const types = bindings.map(ownTypeOf)
    const parameters = await describe(types)
    if (parameters instanceof SqlFault) throw new LocatedFault(inferred, positionOf(inferred, statement, []))
    return checkedPlan(statement, { types, parameters })
  }
  if (inferred.length !== bindings.length) {
    const message = `a template cannot stand in ${statement.words.join(' ')}: PostgreSQL takes values only in queries`
    throw new LocatedFault(new SqlFault(message, '42601'), bindings[0]?.position ?? null)
  }
  const types = bindings.map((binding, index) => {
    const isMisfit = binding.type === null && !binding.isLiteral && !fits(binding.value, inferred[index] ?? UNKNOWN)
    return isMisfit ? ownTypeOf(binding) : null
  })
  const parameters = types.every((type) => type === null) ? inferred : await describe(types)
  const plan = parameters instanceof SqlFault ? { types: [], parameters: inferred } : { types, parameters }
  return checkedPlan(statement, plan)
}

/** Between quotes, a value is what PostgreSQL makes of its text. */
function ownTypeOf({ value, type, isLiteral }: Binding): string {
  return type ?? (isLiteral ? 'text' : ownType(value))
}

/** The text of a list is not a value of its elements: it would be compared with them, and found nowhere. */
function checkedPlan({ bindings }: Statement, plan: BindingPlan): BindingPlan {
  for (const [index, { value, source, position }] of bindings.entries()) {
    const isComposite = Array.isArray(value) || isJsonObject(value)
    if (!isComposite || fits(value, plan.parameters[index] ?? UNKNOWN)) continue
    const advice = Array.isArray(value) ? `\`= any(${source})\` compares with each of its elements, ` : ''
    const message = `${source} gives ${Array.isArray(value) ? 'a list' : 'an object'}, and PostgreSQL takes a single value there: ${advice}{{ ... | tojson }} gives its text`
    throw new LocatedFault(new SqlFault(message, '42804'), position)
  }
  return plan
}

async function describeParameters(session: SqlSession, text: string): Promise<ParameterType[] | SqlFault> {
  try {
    const oids = await session.describe(text)
    const types: ParameterType[] = []
    for (const oid of oids) types.push({ oid, isArray: await isArrayType(session, oid) })
    return types
  } catch (error) {
    if (error instanceof SqlFault) return error
    throw error
  }
}

/** The built-in types that parameters mostly have; the catalog is asked about others. */
const SCALARS = new Set([16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802])

async function isArrayType(session: SqlSession, oid: number): Promise<boolean> {
  if (SCALARS.has(oid)) return false
  const { rows } = await session.query(`SELECT typcategory FROM pg_catalog.pg_type WHERE oid = ${Number(oid)}`)
  return rows[0]?.[0] === 'A'
}
