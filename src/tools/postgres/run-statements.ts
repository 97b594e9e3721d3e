import type { JsonObject } from '../../core/json.js'
import { decodeRow } from './decode.js'
import { encode, fits, ownType, type ParameterType } from './literal.js'
import { SqlFault, type SqlResult, type SqlSession } from './session.js'
import { isTransactionControl, opensTransaction, type Statement, statementText } from './statement.js'

/** A statement that failed, and which one it was. */
export class StatementFailed extends Error {
  constructor(
    readonly fault: SqlFault,
    readonly index: number,
  ) {
    super(fault.message)
  }
}

export interface StatementsResult {
  readonly rows: JsonObject[]
  readonly columns: string[]
  readonly rowCount: number
}

const UNKNOWN: ParameterType = { oid: 0, isArray: false }
const NO_TRANSACTION = '25P01'
const PROBE = 'transient_bind'

/**
 * Runs the statements in one transaction, unless they have their own BEGIN. A single statement is its own
 * transaction, so that VACUUM and the like work.
 * @throws StatementFailed
 */
export async function runStatements(session: SqlSession, statements: readonly Statement[]): Promise<StatementsResult> {
  const isOwn = statements.some(opensTransaction)
  const isWrapped = !isOwn && statements.length > 1
  let last: SqlResult = { columns: [], rows: [], rowCount: 0 }
  if (isWrapped) await session.query('BEGIN')
  for (const [index, statement] of statements.entries()) {
    try {
      const result = await runStatement(session, statement, statements.length > 1)
      if (!isTransactionControl(statement)) last = result
    } catch (error) {
      if (error instanceof SqlFault) throw new StatementFailed(error, index)
      throw error
    }
  }
  if (isWrapped) await session.query('COMMIT')
  else if (isOwn) await assertClosed(session, statements.length - 1)
  return {
    rows: last.rows.map((row) => decodeRow(last.columns, row)),
    columns: last.columns.map((column) => column.name),
    rowCount: last.rowCount,
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
  if (statement.bindings.length === 0) return session.query(statementText(statement, []))
  const attempt = mayBeInTransaction && (await openProbe(session)) ? guarded(session) : plain(session)
  const plan = await planBindings(statement, attempt)
  const values = statement.bindings.map(({ value, isLiteral }, index) =>
    isLiteral && typeof value === 'string' ? value : encode(value, plan.parameters[index] ?? UNKNOWN),
  )
  if (attempt.isGuarded) await session.query(`RELEASE SAVEPOINT ${PROBE}`)
  return session.query(plan.text, values)
}

interface Attempt {
  readonly isGuarded: boolean
  describe(text: string): Promise<ParameterType[] | SqlFault>
}

/** Outside a transaction a refused description costs nothing. */
function plain(session: SqlSession): Attempt {
  return { isGuarded: false, describe: (text) => describeParameters(session, text) }
}

/** Inside one it would end the transaction: a savepoint takes it back. */
function guarded(session: SqlSession): Attempt {
  return {
    isGuarded: true,
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
  readonly text: string
  readonly parameters: readonly ParameterType[]
}

/**
 * Lets the server infer each parameter's type, as it would for a literal; where a value does not fit, or nothing can
 * be inferred, the value's own type is tried.
 */
async function planBindings(statement: Statement, attempt: Attempt): Promise<BindingPlan> {
  const values = statement.bindings.map(({ value }) => value)
  const inferredText = statementText(statement, [])
  const inferred = await attempt.describe(inferredText)
  if (inferred instanceof SqlFault) {
    const text = statementText(
      statement,
      statement.bindings.map(({ value, type }) => type ?? ownType(value)),
    )
    const parameters = await attempt.describe(text)
    if (parameters instanceof SqlFault) throw inferred
    return { text, parameters }
  }
  if (inferred.length !== values.length) {
    throw new SqlFault(
      `a template cannot stand in ${statement.words.join(' ')}: PostgreSQL takes values only in queries`,
      '42601',
    )
  }
  const misfits = statement.bindings.map(({ value }, index) => !fits(value, inferred[index] ?? UNKNOWN))
  if (!misfits.includes(true)) return { text: inferredText, parameters: inferred }
  const types = statement.bindings.map(({ value }, index) => (misfits[index] ? ownType(value) : null))
  const text = statementText(statement, types)
  const parameters = await attempt.describe(text)
  return parameters instanceof SqlFault ? { text: inferredText, parameters: inferred } : { text, parameters }
}

async function describeParameters(session: SqlSession, text: string): Promise<ParameterType[] | SqlFault> {
  try {
    const oids = await session.describe(text)
    return await Promise.all(oids.map(async (oid) => ({ oid, isArray: await isArrayType(session, oid) })))
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
