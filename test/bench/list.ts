import { print } from 'graphql'
import pg from 'pg'
import { ListVariablesDocument } from '../../src/sdk/generated/graphql.js'
import { COLUMNS, type Contender, contender, figure, measureAll, rowOf } from './lib/contender.js'
import { type LoadRequest, runLoad } from './lib/load.js'
import { report, tableOf } from './lib/report.js'
import { openStage, type Stage } from './lib/stage.js'

/**
 * `npm run bench:list`: the first 100 of 1,000 variables as the SDK asks for them, twelve fields each, with the total, beside PostGraphile over the same
 * rows. Each request draws one of 100 executions, so that nothing is gained by asking for the same.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5)
const CONNECTIONS = 16

const EXECUTIONS = 100

/** What `client.variables.list` of the SDK sends, the total included. */
const OURS = print(ListVariablesDocument)
const THEIRS = `query ($id: BigInt!) { allTransients(condition: { executionId: $id }, orderBy: PRIMARY_KEY_ASC, first: 100) {
  nodes { executionId varName varValue varType sourceStep revision version accessCount createdAt updatedAt accessedAt }
  pageInfo { hasNextPage endCursor } totalCount } }`

const ROWS = `INSERT INTO noetl.transient (execution_id, var_name, var_value)
SELECT e, 'v' || n, to_jsonb(n) FROM generate_series(1, ${EXECUTIONS}) AS e, generate_series(1, 1000) AS n`
const PARENTS = `INSERT INTO transient.execution (id, status, revision, variable_count)
SELECT e, 'running', 1, 1000 FROM generate_series(1, ${EXECUTIONS}) AS e`

async function insertRows(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(ROWS)
  await client.query(PARENTS)
  await client.query('VACUUM ANALYZE noetl.transient, transient.execution')
  await client.end()
}

function contenders({ server, postgraphile }: Stage): Contender[] {
  const request = (url: string, query: string, variables: object): LoadRequest => ({
    ...{ url, path: '/graphql', headers: { 'content-type': 'application/json', accept: 'application/json' } },
    body: JSON.stringify({ query, variables }),
    ...{ connections: CONNECTIONS, seconds: SECONDS, executions: EXECUTIONS, names: 1 },
  })
  const ours = contender('Transient', CONNECTIONS, () =>
    runLoad(request(server.url, OURS, { executionId: '@execution', first: 100 }), server.pid()),
  )
  if (postgraphile === null) return [ours]
  const theirs = request(postgraphile.url, THEIRS, { id: '@execution' })
  return [ours, contender('PostGraphile', CONNECTIONS, () => runLoad(theirs, postgraphile.pid))]
}

async function main(): Promise<void> {
  const stage = await openStage()
  try {
    for (const url of [stage.databaseUrl, stage.ownDatabaseUrl]) await insertRows(url)
    const all = contenders(stage)
    await measureAll(all, ROUNDS)
    const versions = [stage.postgresVersion, ...(stage.postgraphile === null ? [] : [stage.postgraphile.version])]
    const ratio = figure(all[0], 'perSecond') / figure(all[1], 'perSecond')
    report({
      name: 'list',
      command: 'npm run bench:list',
      versions,
      reached: { list: ratio },
      body: [
        tableOf(['who', 'connections', 'lists/s', ...COLUMNS], all.map(rowOf)),
        `Beside PostGraphile: ${ratio.toFixed(2)}x (to be reached: 2x).`,
      ],
    })
  } finally {
    await stage.close()
  }
}

await main()
